// A peer-to-peer program that knows its peers from DSTACK_NODES_IPS alone: it listens on its own address, dials every
// other node, and ends when it has heard from all and all have heard from it.
import { connect, createServer } from 'node:net';

const peers = process.env.DSTACK_NODES_IPS.split('\n');
const self = process.env.MUSTER_NODE_IP;
const rank = process.env.DSTACK_NODE_RANK;
const port = Number(process.env.MESH_PORT ?? 24000);
const limit = setTimeout(() => fail('not all peers were met within 30 s'), 30_000);

const heard = new Set();
const answered = new Set();
const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (data) => {
    heard.add(String(data));
    socket.end(self);
    endWhenAllMet();
  });
});
server.listen(port, self, () => {
  for (const peer of peers.filter((address) => address !== self)) dial(peer);
  endWhenAllMet();
});

function dial(peer) {
  const socket = connect({ host: peer, port, localAddress: self });
  socket.once('connect', () => socket.write(self));
  socket.once('data', (data) => {
    if (String(data) !== peer) fail(`${peer} answered as ${data}`);
    answered.add(peer);
    socket.end();
    endWhenAllMet();
  });
  socket.once('error', () => setTimeout(dial, 50, peer));
}

function endWhenAllMet() {
  if (heard.size < peers.length - 1 || answered.size < peers.length - 1) return;
  clearTimeout(limit);
  console.log(`rank ${rank} at ${self} met ${answered.size} peers: ${[...answered].join(' ')}`);
  server.close();
}

function fail(message) {
  console.error(`rank ${rank}: ${message}`);
  process.exit(1);
}
