class Parse {
  public static void main(String[] args) {
    String[] addresses = System.getenv("DSTACK_NODES_IPS").split("\n");
    System.out.printf("java: %d nodes, I am %s: %s%n", addresses.length, System.getenv("DSTACK_NODE_RANK"), String.join(" ", addresses));
  }
}
