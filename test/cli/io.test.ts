import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { streamOutput } from "../../src/cli/io.ts";

function streamThat(write: (text: string, done: (error?: Error) => void) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write: (text, _encoding, done) => write(text, done),
    autoDestroy: false,
  });
}

function failure(code: string): Error {
  return Object.assign(new Error(`write ${code}`), { code });
}

describe("streamOutput", () => {
  it("waits until the stream has taken the text", async () => {
    let release: (() => void) | undefined;
    const output = streamOutput(
      streamThat((_text, done) => {
        release = () => done();
      }),
      "reject",
    );
    let isWritten = false;
    const written = output.write("slow").then(() => {
      isWritten = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isWritten).toBe(false);
    release?.();
    await written;
  });

  it("goes on in silence when the reader has gone away", async () => {
    let writes = 0;
    const output = streamOutput(
      streamThat((_text, done) => {
        writes += 1;
        done(failure("EPIPE"));
      }),
      "reject",
    );
    await output.write("one");
    await output.write("two");
    expect(writes).toBe(1);
  });

  it("fails when the result cannot be written, each time", async () => {
    const full = () => streamThat((_text, done) => done(failure("ENOSPC")));
    await expect(streamOutput(full(), "reject").write("result")).rejects.toThrow("ENOSPC");
    await expect(streamOutput(full(), "ignore").write("note")).resolves.toBeUndefined();
  });
});
