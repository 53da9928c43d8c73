import { expect, test } from "vitest";
import { holdsCardNumber } from "../../src/sandbox/card-number.ts";

// Public test numbers only.
test.each([
  "4111111111111111",
  "5555555555554444",
  "2223003122003222",
  "378282246310005",
  "6011111111111117",
  "3530111333300000",
  "30569309025904",
  "4222222222222",
  "4111 1111 1111 1111",
  "4111-1111-1111-1111",
  "3782 822463 10005",
  "card 4111111111111111, expired",
  'x,"4111111111111111",y',
])("%s looks like a card number", (cell) => {
  expect(holdsCardNumber(cell)).toBe(true);
});

test.each([
  "4111111111111112",
  "tok_4111111111111111",
  "4111111111111111a",
  "1.4111111111111111",
  "a-4111111111111111",
  "41111111111111111111",
  "411111",
  "1773100000008",
  "4111 1111-1111 1111",
  "",
])("%s does not", (cell) => {
  expect(holdsCardNumber(cell)).toBe(false);
});
