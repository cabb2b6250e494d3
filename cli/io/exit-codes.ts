/** Exit codes of every command; each command's help lists them. */
export const EXIT = {
  ok: 0,
  /** The command ran, and some records fail. */
  recordsFail: 1,
  /** The command could not run: its arguments, the schema or the file as a whole are wrong. */
  badInput: 2,
  /** The load was interrupted, or the database or the storage has answered and went away: the same command goes on. */
  callAgain: 75,
  /** A defect of this program. */
  defect: 70,
} as const;

export const EXIT_CODES_HELP = `
Exit codes:
  0  all records are valid
  1  some records fail
  2  nothing was checked: wrong arguments, a schema with mistakes, or a file that cannot be read`;
