import { test } from "vitest";
import { playSeeds } from "./seeds.ts";

test("weeks of nightly runs keep every promise, whatever the dice do: odd seeds", () => playSeeds(1, 2), 300_000);
