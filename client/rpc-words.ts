/** gRPC's numbers for what is the server's or the wire's doing, in words: it may help to ask again. */
export const AWAY: Readonly<Record<number, string>> = {
  4: 'Temporal does not answer in time',
  8: 'Temporal is busy: its limits are used up',
  14: 'Temporal cannot be reached any more',
};

/** It does not help to ask again. */
export const REFUSED: Readonly<Record<number, string>> = {
  7: 'Temporal refuses: permission denied',
  16: 'Temporal refuses: the credentials are missing or wrong',
};
