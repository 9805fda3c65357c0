package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	addresses := strings.Split(os.Getenv("DSTACK_NODES_IPS"), "\n")
	fmt.Printf("go: %d nodes, I am %s: %s\n", len(addresses), os.Getenv("DSTACK_NODE_RANK"), strings.Join(addresses, " "))
}
