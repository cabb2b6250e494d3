/** What a person reads when the gateway refuses a request, by the type of the problem. */
export const problems = {
  'problem.invalid-request': 'Something in the request was not right. Load the page again and try once more.',
  'problem.unauthenticated': 'You are not signed in any more. Sign in again, and nothing on this page is lost.',
  'problem.forbidden':
    'You may not do this here. Ask the person who looks after BatchUpload in your organization for the right.',
  'problem.namespace-not-enabled':
    'This workspace does not exist here, or files cannot be sent to it. Choose another one, or ask the person who looks after BatchUpload.',
  'problem.not-found': 'This does not exist any more. Somebody may have deleted it, or it belongs to somebody else.',
  'problem.method-not-allowed': 'The page and the server have different versions. Load the page again.',
  'problem.conflict': 'This is not possible as things are now. Look at the newest state, and then decide.',
  'problem.key-reused': 'The same request was sent before with other contents. Load the page again and try once more.',
  'problem.precondition-failed': 'The upload has changed meanwhile. Look at it again, and then decide.',
  'problem.too-large': 'This is larger than the server takes.',
  'problem.unsupported-media-type': 'The page and the server have different versions. Load the page again.',
  'problem.unprocessable': 'This cannot be carried out as it is.',
  'problem.too-many-requests': 'There were too many requests in a short time. Wait a moment and try again.',
  'problem.internal': 'The server has made a mistake, which is not yours. Try again in a minute.',
  'problem.unavailable': 'Something that the server needs is away for now. Nothing is lost: try again in a minute.',
  'problem.offline': 'The server cannot be reached. Check your connection to the network, and try again.',
  'problem.wait': {
    one: 'Try again in {count} second.',
    other: 'Try again in {count} seconds.',
  },
  'problem.details': 'What the server says',
} as const;
