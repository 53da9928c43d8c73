/** Which names in the inbound folder are batches, by the profile's data. */
import type { DeliveryProfile } from "../profiles/profile.ts";

/** Whether a name follows the profile's template; `mid` undefined allows any merchant's. */
export function isBatchName(name: string, nameTemplate: string, mid: string | undefined): boolean {
  const pattern = fillTemplate(nameTemplate, (placeholder, width) => {
    if (placeholder === "mid") return mid === undefined ? ".+" : escapePattern(mid);
    if (placeholder === "utc") return "\\d{14}";
    return `\\d{${width ?? "1"},}`;
  });
  return pattern.test(name);
}

/** A file that is still being uploaded. */
export function isTemporaryName(name: string, { temporarySuffix }: DeliveryProfile): boolean {
  return temporarySuffix !== "" && fillTemplate(`{name}${temporarySuffix}`, anything).test(name);
}

export function isTriggerName(name: string, { trigger }: DeliveryProfile): boolean {
  return trigger !== undefined && fillTemplate(trigger, anything).test(name);
}

function anything(): string {
  return ".+";
}

function fillTemplate(template: string, fill: (placeholder: string, width: string | undefined) => string): RegExp {
  const parts = template.split(/(\{[a-z]+(?::\d+)?\})/);
  const source = parts.map((part) => {
    const placeholder = /^\{([a-z]+)(?::(\d+))?\}$/.exec(part);
    return placeholder ? fill(placeholder[1] ?? "", placeholder[2]) : escapePattern(part);
  });
  return new RegExp(`^${source.join("")}$`);
}

function escapePattern(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, "\\$&");
}
