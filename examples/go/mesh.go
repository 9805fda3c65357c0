// A peer-to-peer program: it listens on its own address, sends its number to every node of the list, and ends when it
// has heard a number from each.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const port = "24001"

var deadline = time.Now().Add(60 * time.Second)

func main() {
	peers := strings.Split(os.Getenv("DSTACK_NODES_IPS"), "\n")
	own := os.Getenv("MUSTER_NODE_IP")
	rank := os.Getenv("DSTACK_NODE_RANK")

	listener, err := net.Listen("tcp", net.JoinHostPort(own, port))
	check(err)
	var told sync.WaitGroup
	for _, peer := range peers {
		told.Add(1)
		go func(peer string) {
			defer told.Done()
			tell(peer, rank)
		}(peer)
	}
	sum := 0
	for range peers {
		listener.(*net.TCPListener).SetDeadline(deadline)
		connection, err := listener.Accept()
		check(err)
		said, err := io.ReadAll(connection)
		check(err)
		number, err := strconv.Atoi(string(said))
		check(err)
		sum += number + 1
		connection.Close()
	}
	told.Wait()
	fmt.Printf("rank %s on %s heard %d nodes, the sum is %d\n", rank, os.Getenv("MUSTER_HOST"), len(peers), sum)
}

// tell tries until the peer listens: all are started together, and some are a moment earlier.
func tell(peer, rank string) {
	for time.Now().Before(deadline) {
		connection, err := net.Dial("tcp", net.JoinHostPort(peer, port))
		if err == nil {
			fmt.Fprint(connection, rank)
			connection.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
