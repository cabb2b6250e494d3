/** Waits until a person whose session has ended has signed in again, in another tab, while this page stays as it is. */
import { ProblemError } from './problem-error.ts';
import type { Session } from './types.ts';

export interface SignInRequest {
  /** Who has signed in meanwhile instead of the person whose page this is; null: nobody has. */
  otherPerson: string | null;
  /** The person does not want to sign in: the requests that wait are refused. */
  giveUp(): void;
}

export interface SignInDeps {
  /** Asks the gateway who is signed in. @throws ProblemError */
  fetchSession(): Promise<Session>;
  currentSession(): Session | null;
  adopt(session: Session): void;
  /** Shows the dialog; null hides it. */
  show(request: SignInRequest | null): void;
  /** Calls back whenever somebody may have signed in: another tab says so, or this tab is looked at again. @returns the end */
  onMaybeSignedIn(callback: () => void): () => void;
}

/** @returns a function that resolves when the same person has signed in again. All who call it wait for one dialog. */
export function createSignIn(deps: SignInDeps): (problem: ProblemError) => Promise<void> {
  let waiting: Promise<void> | null = null;
  return (problem) => {
    waiting ??= waitForSignIn(deps, problem).finally(() => {
      waiting = null;
    });
    return waiting;
  };
}

function waitForSignIn(deps: SignInDeps, problem: ProblemError): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = () => {
      isOver = true;
      stop();
      deps.show(null);
    };
    const giveUp = () => {
      end();
      reject(problem);
    };
    const look = async () => {
      const found = await deps.fetchSession().catch(ignoreRefusal);
      if (found === null || isOver) return;
      const before = deps.currentSession();
      // What waits was asked for by one person, and must never be sent as somebody else.
      if (before !== null && before.user !== found.user) {
        deps.show({ otherPerson: found.displayName, giveUp });
        return;
      }
      deps.adopt(found);
      end();
      resolve();
    };
    const stop = deps.onMaybeSignedIn(() => void look());
    deps.show({ otherPerson: null, giveUp });
    // Another tab may have signed in before this one has noticed anything.
    void look();
  });
}

/** Nobody is signed in yet, or the network is away: the dialog stays. */
function ignoreRefusal(error: unknown): null {
  if (error instanceof ProblemError) return null;
  throw error;
}
