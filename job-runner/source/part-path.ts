/** Paths of the parts of a workbook, which are the names of an archive's files. Source: ECMA-376 part 2, 6.2.2. */

export function splitPath(path: string): { folder: string; name: string } {
  const slash = path.lastIndexOf('/');
  return { folder: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
}

/** Joins a path to the folder that it starts from, and resolves `.` and `..` as Node's `path.posix.join` does. */
export function joinPath(folder: string, path: string): string {
  const segments: string[] = [];
  for (const segment of `${folder}/${path}`.split('/')) {
    const isUp = segment === '..' && segments.length > 0 && segments.at(-1) !== '..';
    if (isUp) segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return segments.join('/');
}
