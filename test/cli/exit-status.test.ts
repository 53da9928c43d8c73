import { describe, expect, it } from "vitest";
import { EXIT_STATUS_MEANINGS, ExitStatus, exitStatusFor, worst } from "../../src/cli/exit-status.ts";

describe("exit statuses", () => {
  it("have the published numbers", () => {
    expect(ExitStatus).toEqual({
      ok: 0,
      failed: 1,
      usage: 2,
      needsAttention: 3,
      pending: 4,
      unreachable: 10,
      refused: 11,
      locked: 12,
      uncertain: 13,
      interrupted: 130,
    });
  });

  it("are all explained", () => {
    const explained = Object.keys(EXIT_STATUS_MEANINGS).map(Number);
    expect(explained).toEqual(Object.values(ExitStatus));
  });

  it("tell what is worth running again from what is not", () => {
    expect(exitStatusFor.remote_unreachable).toBe(10);
    expect(exitStatusFor.deadline_reached).toBe(10);
    for (const code of ["host_key_refused", "authentication_refused", "key_unusable", "permission_denied"] as const) {
      expect(exitStatusFor[code]).toBe(11);
    }
    expect(exitStatusFor.remote_folder_missing).toBe(11);
  });

  it("call an export that stops as a whole wrong usage, and too many rejects a matter for a person", () => {
    expect(exitStatusFor.cvv_column).toBe(2);
    expect(exitStatusFor.export_unreadable).toBe(2);
    expect(exitStatusFor.too_many_rejects).toBe(3);
  });

  it("outweigh each other in the published order", () => {
    const order = [13, 11, 10, 12, 1, 2, 130, 4, 3, 0] as const;
    for (const [index, status] of order.entries()) {
      for (const milder of order.slice(index)) expect(worst([milder, status, milder])).toBe(status);
    }
    expect(new Set(order)).toEqual(new Set(Object.values(ExitStatus)));
  });

  it("are ok where nothing happened", () => {
    expect(worst([])).toBe(0);
  });
});
