/** Result files in the shapes and states in which they really lie there: reordered, damaged, half-written, again, missing. */
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exportOf, RESULT_HEADER, resultsOf, shareServer } from "../support/e2e.ts";
import { openSshMissing } from "../support/openssh.ts";
import type { Json } from "../support/rescue.ts";
import { apply, nextRun, partsOf, sentFive } from "../support/results.ts";

const missing = openSshMissing();

describe.skipIf(missing !== undefined)("result files", () => {
  const shared = shareServer();

  test("columns in another order, extra ones, quotes, a mark and CRLF are read; damaged rows cost themselves only", async () => {
    const merchant = await sentFive(shared);
    const lines = [
      "message,note,amount,status,currency,processedAtUtc,orderSessionKey,responseCode,orderId",
      '"said ""yes"", twice",x,1999,approved,USD,2026-11-21T10:00:00Z,k1,00,o-1',
      ",x,19.99,APPROVED,USD,2026-11-21T10:00:00Z,k2,00,o-2",
      ",x,1999,APPROVED,USD,tomorrow,k3,00,o-3",
      ",x,1999,APPROVED,USD,2026-11-21T10:00:00Z,k4,00",
      '"line\r\nbreak",x,1999,DECLINED,USD,2026-11-21T10:00:00Z,k5,05,o-5',
      ",x,1999,,USD,2026-11-21T10:00:00Z,k4,00,o-4",
    ];

    const applied = await apply(merchant, "r.csv", `\ufeff${lines.join("\r\n")}\r\n`);

    expect(applied.status).toBe(3);
    expect(applied.document).toMatchObject({ rows: 6, applied: 2, breaks_by_code: { malformed_result: 4 } });
    expect(applied.document["breaks"].map(({ line }: Json) => line)).toEqual([3, 4, 5, 8]);
    expect(partsOf(applied.report)).toEqual({ rescued: "1/1999", unrescued: "1/1999", pending: "3/5997" });
    const told = await merchant.rescue(["explain", "o-1"]);
    expect(told.stdout).toContain("the word was approved");
    expect(told.stdout).toContain('said "yes", twice');
  });

  test("half-written files are left for later, what is no result file goes to quarantine, and neither is counted", async () => {
    const merchant = await sentFive(shared);
    const whole = resultsOf([
      { order: "o-1", status: "APPROVED" },
      { order: "o-2", status: "DECLINED" },
    ]);
    await writeFile(join(merchant.outbound, "half.csv"), whole.slice(0, -20));
    await writeFile(join(merchant.outbound, "empty.csv"), "");
    await writeFile(join(merchant.outbound, "page.csv"), "<html>\n<body>504</body>\n");
    await writeFile(join(merchant.outbound, "readme.txt"), "not for us\n");

    const first = await nextRun(merchant);
    await appendFile(join(merchant.outbound, "half.csv"), whole.slice(-20));
    const second = await nextRun(merchant);
    const third = await nextRun(merchant);

    const states = ({ document }: { document: Json }) =>
      Object.fromEntries(document["collection"].files.map(({ name, state }: Json) => [name, state]));
    expect(states(first)).toEqual({ "half.csv": "not_ready", "empty.csv": "not_ready", "page.csv": "quarantined" });
    expect(first.status).toBe(3);
    expect(first.report.breaks_by_code).toEqual({ malformed_result: 1 });
    expect(partsOf(first.report)).toEqual({ pending: "5/9995" });
    expect(states(second)).toMatchObject({ "half.csv": "collected", "page.csv": "seen" });
    expect(partsOf(second.report)).toEqual({ rescued: "1/1999", unrescued: "1/1999", pending: "3/5997" });
    expect(states(third)).toMatchObject({ "half.csv": "seen" });
    expect(third.reconciliation).toMatchObject({ rows: 0, applied: 0, repeated: 0 });
  });

  test("a last row without a newline is taken once the file has rested; a person may vouch for it at once", async () => {
    const merchant = await sentFive(shared);
    const text = resultsOf([{ order: "o-1", status: "APPROVED" }]).trimEnd();
    await writeFile(join(merchant.outbound, "r.csv"), text);

    const waited = await merchant.rescue(["collect", "--json"]);
    const given = await apply(merchant, "r-given.csv", text);

    expect(waited.documents[0]?.["files"]).toMatchObject([{ name: "r.csv", state: "not_ready" }]);
    expect(given.document).toMatchObject({ rows: 1, applied: 1 });
  });

  test("the same name with other bytes is read again; with the same bytes it is seen", async () => {
    const merchant = await sentFive(shared);
    await merchant.writeResults("results.csv", resultsOf([{ order: "o-1", status: "PENDING" }]));
    const first = await nextRun(merchant);
    await merchant.writeResults("results.csv", resultsOf([{ order: "o-1", status: "APPROVED" }]));
    const second = await nextRun(merchant);

    expect(first.reconciliation).toMatchObject({ rows: 1, applied: 1 });
    expect(second.reconciliation).toMatchObject({ files: ["results.csv"], rows: 1, applied: 1 });
    expect(partsOf(second.report)).toEqual({ rescued: "1/1999", pending: "4/7996" });
  });

  test("matched by the session key where the order id is blank, once it was learned", async () => {
    const merchant = await sentFive(shared);
    await apply(merchant, "r1.csv", [{ order: "o-1", session: "key-1", status: "PENDING" }]);
    const matched = await apply(merchant, "r2.csv", [{ order: "", session: "key-1", status: "APPROVED" }]);

    expect(matched.document).toMatchObject({ applied: 1, breaks: [] });
    expect(partsOf(matched.report)).toEqual({ rescued: "1/1999", pending: "4/7996" });
  });

  test("a result file that was due and did not come is a finding; so is a night without a run", async () => {
    const merchant = await shared.make({ acme: { results_due: ["15:00Z"], expect_run_by: "07:00" } });
    await merchant.writeExport("a.csv", exportOf([{ order: "o-1" }]));
    await nextRun(merchant);

    const nextDay = await nextRun(merchant, "--as-of", "2026-11-22T08:00:00Z");

    expect(nextDay.status).toBe(3);
    expect(nextDay.report.breaks_by_code).toMatchObject({ night_missed: 2, result_file_missing: 2 });
  });

  test("a result file that was due and comes late closes its finding by itself", async () => {
    const merchant = await shared.make({ acme: { results_due: ["15:00Z"] } });
    await merchant.writeExport("a.csv", exportOf([{ order: "o-1" }]));
    await nextRun(merchant, "--as-of", "2026-11-20T06:00:00Z");
    const missed = await nextRun(merchant, "--as-of", "2026-11-21T06:00:00Z");
    await merchant.writeResults("late.csv", resultsOf([{ order: "o-1", status: "PENDING" }]));

    const came = await nextRun(merchant, "--as-of", "2026-11-21T09:00:00Z");

    expect(missed).toMatchObject({ status: 3, report: { breaks_by_code: { result_file_missing: 1 } } });
    expect(came).toMatchObject({ status: 0, report: { breaks_by_code: {} } });
    const { settled } = (await merchant.rescue(["breaks", "--json"])).documents[0] ?? {};
    expect(settled).toMatchObject([{ reason: "it came late: a result file was collected 2026-11-21T09:00:00Z" }]);
  });

  test("a file that is no result file is refused where it was given: 2, and nothing is applied", async () => {
    const merchant = await sentFive(shared);
    const refused = await apply(merchant, "x.csv", "who,knows\n1,2\n");

    expect(refused.status).toBe(2);
    expect(refused.errors[0]).toMatchObject({ code: "export_unreadable", exit_status: 2 });
    expect(partsOf(refused.report)).toEqual({ pending: "5/9995" });
    expect((await apply(merchant, "h.csv", `${RESULT_HEADER}\n`)).document).toMatchObject({ rows: 0, applied: 0 });
  });
});
