import { test } from "vitest";
import { playSeeds } from "./seeds.ts";

test("weeks of nightly runs keep every promise, whatever the dice do: even seeds", () => playSeeds(2, 2), 300_000);
