import { expect, test } from 'vitest';
import { ownCgroupDirs } from '../../../activities/process/cgroup-place.js';

const v2 = (root: string, at: string, options = 'rw,nosuid', optional = '') => `30 23 0:26 ${root} ${at} ${options}${optional} - cgroup2 cgroup2 rw,nsdelegate`;
const v1 = '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory';
const disk = '23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw';

test.each<[name: string, mountinfo: string[], cgroup: string, dirs: string[]]>([
  ['a unit on a host', [disk, v2('/', '/sys/fs/cgroup', 'rw,nosuid', ' shared:9')], '0::/system.slice/a.service\n', ['/sys/fs/cgroup/system.slice/a.service']],
  ['both versions side by side', [v1, v2('/', '/sys/fs/cgroup/unified')], '4:memory:/x\n1:cpu:/\n0::/user.slice\n', ['/sys/fs/cgroup/unified/user.slice']],
  ['the first of all', [v2('/', '/sys/fs/cgroup/unified')], '4:memory:/x\n0::/\n', ['/sys/fs/cgroup/unified']],
  ['a container that sees its own part only', [v2('/docker/ab', '/sys/fs/cgroup')], '0::/docker/ab\n', ['/sys/fs/cgroup']],
  ['a part of that', [v2('/docker/ab', '/sys/fs/cgroup')], '0::/docker/ab/worker\n', ['/sys/fs/cgroup/worker']],
  ['a mount of another part', [v2('/docker/a', '/sys/fs/cgroup')], '0::/docker/ab\n', []],
  ['a mount that is read-only', [v2('/', '/sys/fs/cgroup', 'ro,nosuid'), v2('/', '/mnt/cg')], '0::/a\n', ['/mnt/cg/a']],
  ['optional fields of any number', [v2('/', '/sys/fs/cgroup', 'rw', ' shared:9 master:3 propagate_from:2')], '0::/a\n', ['/sys/fs/cgroup/a']],
  ['white space in a path', [v2('/', '/mnt/c\\040g')], '0::/a b\n', ['/mnt/c g/a b']],
  ['the view from another namespace', [v2('/', '/sys/fs/cgroup')], '0::/../other\n', []],
  ['a mount from another namespace', [v2('/../..', '/sys/fs/cgroup')], '0::/\n', []],
  ['version 1 alone', [disk, v1], '4:memory:/x\n', []],
  ['no mount of version 2', [disk, v1], '4:memory:/x\n0::/\n', []],
  ['nonsense', ['', ' - ', 'cgroup2'], '\0\n0::\n', []],
])('%s', (_, mountinfo, cgroup, dirs) => {
  expect(ownCgroupDirs({ mountinfo: `${mountinfo.join('\n')}\n`, cgroup })).toEqual(dirs);
});
