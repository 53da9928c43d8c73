/** Calendar days as a person counts them in a zone; apart from src/domain. */
const formats = new Map<string, Intl.DateTimeFormat>();

export function dayIn(at: number, timeZone: string): string {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" });
    formats.set(timeZone, format);
  }
  return format.format(at);
}

export function calendarAge(from: number, to: number, timeZone: string): number {
  return (Date.parse(dayIn(to, timeZone)) - Date.parse(dayIn(from, timeZone))) / 86_400_000;
}
