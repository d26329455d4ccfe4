// Days and numbers as people write them; the same words as service/api/page.py has.

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const NUMBER = new Intl.NumberFormat("en-US");

export const day = (iso) => DAY.format(new Date(`${iso}T00:00:00Z`));

export const moment = (iso) => `${day(iso.slice(0, 10))}, ${iso.slice(11, 16)}`;

export const counted = (count, noun) => `${NUMBER.format(count)} ${noun}${count === 1 ? "" : "s"}`;

export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

export const duration = (milliseconds) => (milliseconds < 1000 ? `${Math.max(1, Math.round(milliseconds))} ms` : seconds(milliseconds));

// Which documents an answer was sought in, empty for all.
export function scopeText(scope) {
  const parts = [
    scope.as_of && `as of ${day(scope.as_of)}`,
    scope.from && `from ${day(scope.from)}`,
    scope.to && `to ${day(scope.to)}`,
    scope.publisher,
  ];
  return parts.filter(Boolean).join(" · ");
}
