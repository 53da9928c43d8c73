/** The whole program against servers that are well with one SFTP channel, and not with a second. */
import { expect, test, vi } from "vitest";
import { exportOfCount } from "../support/e2e.ts";
import { makeOddMerchant } from "./odd-merchant.ts";

vi.setConfig({ testTimeout: 60_000 });

/** So many batches that several are on their way at once when a second channel is there. */
const ROWS = 40_001;
const BATCHES = 21;
const IMPATIENT = { sftp: { connect_timeout: "2s", idle_timeout: "2s" } };

test.each<[string, Parameters<typeof makeOddMerchant>[0], Parameters<typeof makeOddMerchant>[1]]>([
  ["refuses it", { mostSessions: 1 }, {}],
  ["hangs up over it", { mostSessions: 1, hangsUpAtOneMore: true }, {}],
  [
    "gives it and ends it a moment later",
    { onSession: (nth, end, ready) => void (nth > 1 && ready.then(() => setTimeout(end, 20))) },
    {},
  ],
  ["gives it and ends it at once", { onSession: (nth, end, ready) => void (nth > 1 && ready.then(end)) }, {}],
  [
    "gives it and never answers on it",
    { fault: (_act, _nth, session) => (session > 1 ? "no answer" : undefined) },
    IMPATIENT,
  ],
])("a server that %s gets every batch once, in one run", async (_, manners, choices) => {
  const merchant = await makeOddMerchant(manners, choices);
  const file = await merchant.writeExport("a.csv", exportOfCount(ROWS));
  const { status, stderr } = await merchant.rescue(["submit", file]);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const files = (await merchant.delivered()).filter(({ name }) => name.endsWith(".csv"));
  expect(files).toHaveLength(BATCHES);
  const lines = files.flatMap(({ text }) => text.trimEnd().split("\n").slice(1));
  expect(new Set(lines.map((line) => line.split(",")[5])).size).toBe(ROWS);
  expect(lines).toHaveLength(ROWS);
  // What a second channel cost is paid once: one more connection, which asks for none.
  expect(merchant.server.logins.filter((method) => method === "none").length).toBeLessThan(3);
});
