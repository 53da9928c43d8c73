import { describe, expect, it } from "vitest";
import { jsonLine, Speech, type SpeechOptions, usesColor } from "../../src/cli/output.ts";
import { createTestIo, type TestIoOptions } from "../support/test-io.ts";

const PLAIN: SpeechOptions = { json: false, quiet: false, verbose: false, color: "auto" };

function speak(options: Partial<SpeechOptions> = {}, io: TestIoOptions = {}) {
  const testIo = createTestIo(io);
  return { speech: new Speech(testIo, { ...PLAIN, ...options }), io: testIo };
}

describe("what reaches a terminal", () => {
  it("has no control characters, whatever the provider wrote", async () => {
    const { speech, io } = speak({ color: "always" }, { stdoutIsTTY: true, stderrIsTTY: true });
    const nasty = "a\u001b[31mred\u009b2J\u202egpj.exe\rover";
    await speech.result(nasty);
    await speech.text(nasty);
    await speech.verdict("warn", nasty);
    speech.note(nasty);
    speech.complain("fail", nasty);
    const ours = ["\u001b[33mwarn: \u001b[39m", "\u001b[31mfail: \u001b[39m"];
    const seen = ours.reduce((text, mark) => text.replace(mark, ""), io.out() + io.err());
    expect(seen).toContain("red");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(seen).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  });

  it("keeps lines and tabs", async () => {
    const { speech, io } = speak({}, { stdoutIsTTY: true });
    await speech.result("one\n\ttwo\n");
    expect(io.out()).toBe("one\n\ttwo\n");
  });

  it("leaves a file's bytes alone", async () => {
    const { speech, io } = speak();
    await speech.result("a\u001b[31m,b\r\n");
    expect(io.out()).toBe("a\u001b[31m,b\r\n");
  });
});

describe("--quiet", () => {
  it("says nothing on success but what was asked for", async () => {
    const { speech, io } = speak({ quiet: true }, { stderrIsTTY: true });
    speech.note("note");
    speech.progress("50 %");
    await speech.text("details\n");
    await speech.verdict("ok", "all well");
    expect(io.out() + io.err()).toBe("");
    await speech.result("asked for\n");
    expect(io.out()).toBe("asked for\n");
  });

  it("still says what is wrong", async () => {
    const { speech, io } = speak({ quiet: true });
    await speech.verdict("warn", "2 rows rejected");
    speech.complain("fail", "no connection");
    expect(io.out()).toBe("warn: 2 rows rejected\n");
    expect(io.err()).toBe("fail: no connection\n");
  });
});

describe("--json", () => {
  it("keeps notes out of a stream that a script reads line by line", () => {
    const { speech, io } = speak({ json: true });
    speech.note("note");
    expect(io.err()).toBe("");
  });

  it("is one line that reads back as the same, without a byte a terminal obeys", () => {
    const document = { message: "a\nb\u001b[0m\u009b\u2028\u202e", amount_minor: "123" };
    const line = jsonLine(document);
    expect(JSON.parse(line)).toEqual(document);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(line.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(line.endsWith("}\n")).toBe(true);
  });
});

describe("progress", () => {
  it("is overwritten by what follows", () => {
    const { speech, io } = speak({}, { stderrIsTTY: true });
    speech.progress("10 %");
    speech.note("done");
    expect(io.err()).toBe("\r\u001b[K10 %\r\u001b[Kdone\n");
  });

  it.each([
    ["a pipe", {}, { stderrIsTTY: false }],
    ["--json", { json: true }, { stderrIsTTY: true }],
    ["CI", {}, { stderrIsTTY: true, env: { CI: "true" } }],
    ["a dumb terminal", {}, { stderrIsTTY: true, env: { TERM: "dumb" } }],
  ])("is not shown with %s", (_where, options, io) => {
    const { speech, io: testIo } = speak(options, io);
    speech.progress("10 %");
    expect(testIo.err()).toBe("");
  });
});

describe("colour", () => {
  const terminal = { isTTY: true };
  const pipe = { isTTY: false };

  it("follows the flag, then NO_COLOR, then FORCE_COLOR, then the terminal", () => {
    expect(usesColor("always", { NO_COLOR: "1" }, pipe)).toBe(true);
    expect(usesColor("never", { FORCE_COLOR: "1" }, terminal)).toBe(false);
    expect(usesColor("auto", { NO_COLOR: "1", FORCE_COLOR: "1" }, terminal)).toBe(false);
    expect(usesColor("auto", { FORCE_COLOR: "1" }, pipe)).toBe(true);
    expect(usesColor("auto", { FORCE_COLOR: "0" }, terminal)).toBe(false);
    expect(usesColor("auto", {}, terminal)).toBe(true);
    expect(usesColor("auto", {}, pipe)).toBe(false);
    expect(usesColor("auto", { TERM: "dumb" }, terminal)).toBe(false);
    expect(usesColor("auto", { NO_COLOR: "" }, terminal)).toBe(true);
  });
});
