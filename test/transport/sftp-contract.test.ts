import { describe } from "vitest";
import { describeTransport } from "../contract/transport-suite.ts";
import { openSshMissing } from "../support/openssh.ts";
import { expectNothingOpen, openSshFixture } from "./fixtures.ts";

describe.skipIf(openSshMissing() !== undefined)("SFTP", () => {
  const start = (concurrency: number) => async () => {
    const fixture = await openSshFixture({}, { concurrency });
    const stop = async () => {
      await expectNothingOpen(fixture.server);
      await fixture.stop();
    };
    return { ...fixture, stop };
  };
  describeTransport("SFTP to OpenSSH", start(64));
  describeTransport("SFTP to OpenSSH, one request at a time,", start(1));
});
