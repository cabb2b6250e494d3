/** Paths of the parts of a workbook, which are the names of an archive's files. Source: ECMA-376 part 2, 6.2.2. */

export function splitPath(path: string): { folder: string; name: string } {
  const slash = path.lastIndexOf('/');
  return { folder: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
}

/** The path as it is seen from the folder; `..` leads out of a folder, also out of the first. */
export function joinPath(folder: string, path: string): string {
  const segments: string[] = [];
  for (const segment of `${folder}/${path}`.split('/')) {
    const isUp = segment === '..' && segments.length > 0 && segments.at(-1) !== '..';
    if (isUp) segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return segments.join('/');
}
