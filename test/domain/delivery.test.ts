import { describe, expect, test } from "vitest";
import {
  type CutOffDelivery,
  decideDelivery,
  deservesSecondLook,
  type RemoteLookAt,
} from "../../src/domain/delivery.ts";

const OURS = { sizeBytes: 500, sha256: "aa" };
const delivery = (over: Partial<CutOffDelivery>): CutOffDelivery => ({
  state: "committing",
  created: true,
  commit: "rename",
  ignoresTemporaryNames: false,
  ...OURS,
  ...over,
});
const look = (temporary: number | undefined, final?: RemoteLookAt["final"]): RemoteLookAt => ({
  temporary: temporary === undefined ? undefined : { sizeBytes: temporary },
  final,
});

describe("a delivery that was cut off before its commit", () => {
  for (const state of ["uploading", "uploaded"] as const) {
    test(`${state}: a temporary file that is there was not committed, so it is sent again`, () => {
      expect(decideDelivery(delivery({ state }), look(123))).toEqual({ step: "upload", removeTemporary: true });
    });

    test(`${state}: a temporary file that was never made is sent again`, () => {
      expect(decideDelivery(delivery({ state, created: false }), look(undefined))).toEqual({
        step: "upload",
        removeTemporary: false,
      });
    });

    test(`${state}: a temporary file that is gone though we made it is uncertain`, () => {
      expect(decideDelivery(delivery({ state }), look(undefined)).step).toBe("uncertain");
    });

    test(`${state}: …unless the provider promises to ignore temporary names`, () => {
      expect(decideDelivery(delivery({ state, ignoresTemporaryNames: true }), look(undefined)).step).toBe("upload");
    });

    test(`${state}: somebody else's file under our name burns the name`, () => {
      expect(decideDelivery(delivery({ state }), look(500, { sizeBytes: 7 }))).toEqual({
        step: "burn_name",
        removeTemporary: true,
      });
    });
  }
});

describe("a delivery that was cut off in its commit", () => {
  test("temporary there, final absent: rename again", () => {
    expect(decideDelivery(delivery({}), look(500))).toEqual({ step: "commit" });
  });

  test("temporary there with another size: uncertain", () => {
    expect(decideDelivery(delivery({}), look(499)).step).toBe("uncertain");
  });

  test("temporary absent, final there with our size: delivered", () => {
    expect(decideDelivery(delivery({}), look(undefined, { sizeBytes: 500 }))).toEqual({
      step: "delivered",
      removeTemporary: false,
    });
  });

  test("final there with our size but another hash: uncertain", () => {
    expect(decideDelivery(delivery({}), look(undefined, { sizeBytes: 500, sha256: "bb" })).step).toBe("uncertain");
  });

  test("both gone: taken or removed, so uncertain", () => {
    expect(decideDelivery(delivery({}), look(undefined)).step).toBe("uncertain");
  });

  test("both there, our size and hash: delivered, and our temporary file goes", () => {
    expect(decideDelivery(delivery({}), look(500, { sizeBytes: 500, sha256: "aa" }))).toEqual({
      step: "delivered",
      removeTemporary: true,
    });
  });

  test("both there, our size but no hash to be had: uncertain", () => {
    expect(decideDelivery(delivery({}), look(500, { sizeBytes: 500 })).step).toBe("uncertain");
  });

  test("final there with another size: uncertain, whatever the temporary name shows", () => {
    for (const temporary of [undefined, 500]) {
      expect(decideDelivery(delivery({}), look(temporary, { sizeBytes: 501 })).step).toBe("uncertain");
    }
  });

  test("without temporary names, a file that is gone is uncertain and never sent again", () => {
    expect(decideDelivery(delivery({ commit: "direct", created: false }), look(undefined)).step).toBe("uncertain");
  });

  test("two names that disagree with a finished rename deserve a second look", () => {
    expect(deservesSecondLook("committing", look(undefined))).toBe(true);
    expect(deservesSecondLook("committing", look(500, { sizeBytes: 500 }))).toBe(true);
    expect(deservesSecondLook("committing", look(500))).toBe(false);
    expect(deservesSecondLook("uploading", look(undefined))).toBe(false);
  });
});

describe("an uncertain delivery", () => {
  test("is delivered once our very bytes have turned up", () => {
    expect(decideDelivery(delivery({ state: "uncertain" }), look(undefined, { sizeBytes: 500 })).step).toBe(
      "delivered",
    );
  });

  test("is never sent again, whatever is there", () => {
    for (const seen of [look(undefined), look(500), look(500, { sizeBytes: 9 })]) {
      expect(decideDelivery(delivery({ state: "uncertain" }), seen).step).toBe("uncertain");
    }
  });
});
