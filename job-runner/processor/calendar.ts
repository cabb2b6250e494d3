const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A day of the proleptic Gregorian calendar in the years 1 to 9999; the numbers are whole and not negative. */
export function isDay(year: number, month: number, day: number): boolean {
  if (year === 0 || month === 0 || month > 12 || day === 0) return false;
  if (day <= DAYS[month]!) return true;
  return month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
