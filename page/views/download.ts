import { loadSession, send } from '#page/api/api.ts';
import { ProblemError } from '#page/api/problem-error.ts';

/**
 * Has the browser save the file at the path, which the gateway sends as an attachment. The page asks who is signed in
 * first: the browser's own download would save a refusal as a file, or say nothing.
 * @throws ProblemError
 */
export async function download(path: string): Promise<void> {
  await loadSession().catch((error: unknown) => {
    // A session that has ended is renewed by a request that waits for that.
    if (error instanceof ProblemError && error.status === 401) return send('GET', '/page/session');
    throw error;
  });
  const link = document.createElement('a');
  link.href = path;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}
