/** Texts of the last step: the file is sent. */
export const send = {
  'send.heading': 'Send the file',
  'send.summing': 'Preparing the file',
  'send.summing-text': 'The page computes a checksum, by which the storage sees that every byte arrives.',
  'send.sending': 'Sending',
  'send.progress': '{done} of {size}',
  'send.speed': '{speed} per second',
  'send.left': 'about {time} left',
  'send.paused': 'Paused',
  'send.paused-text': 'What has arrived stays for a day.',
  'send.silent-heading': 'The connection is interrupted',
  'send.silent-text':
    'The sending goes on by itself as soon as the network is back. Nothing is lost. If it stays like this although other pages work, tell the person who looks after BatchUpload that the storage does not answer this page.',
  'send.completing': 'The storage puts the file together',
  'send.registering': 'The upload is being made',
  'send.registered': 'The file was sent',
  'send.keep-open': 'Keep this page open until the file is sent. If it is closed, choose the same file again to go on.',
  'send.pause': 'Pause',
  'send.resume': 'Go on',
  'send.cancel': 'Cancel',
  'send.cancel-heading': 'Cancel the sending?',
  'send.cancel-text': 'What has arrived of the file is removed, and nothing is loaded.',
  'send.cancel-yes': 'Cancel and remove',
  'send.cancel-no': 'Go on with sending',
  'send.cancelled': 'The sending was cancelled. Nothing was loaded.',
  'send.announce': '{percent} sent',
  'send.try-again': 'Try again',
  'send.put-kept': 'The file is in the storage and stays there for a day: it need not be sent again.',
  'send.refused-heading': 'The file was not sent',
  'send.refused-registration-heading': 'The file was sent, but cannot be loaded yet',
  'send.refused-file-changed':
    'The file was changed, moved or deleted while it was sent, so that what arrived is not what was checked. Nothing was loaded. Choose the file again when it no longer changes.',
  'send.refused-file-name':
    'A file cannot have this name. Give it another name: without folders, without < > and ", and not beginning with a dot or with = + - @. Then choose it again.',
  'send.refused-place-gone':
    'What was sent of this file is not there any more: files are kept for a day until they are complete. Send it again from its beginning.',
  'send.refused-schema':
    'The record type “{schema}” was deleted or cannot be used now. Choose another one, or ask the person who looks after BatchUpload, and try again.',
  'send.refused-columns':
    'The record type “{schema}” was changed meanwhile, and the columns do not fit it any more. Go back to the columns, and choose again.',
  'send.refused-storage-closed':
    'The storage takes no files from this page. The person who looks after BatchUpload must allow it; the words below say how.',
  'send.refused-storage':
    'The storage did not take the file. Try again; if it happens again, show the words below to the person who looks after BatchUpload.',
  'send.refused-signed-out':
    'You are not signed in any more. Sign in again, and then try again: what has arrived stays.',
  'send.refused-forbidden':
    'You may not send files here any more. Ask the person who looks after BatchUpload for the right, and try again: what has arrived stays for a day.',
  'send.refused-other':
    'Try again. If it happens again, show the words below to the person who looks after BatchUpload.',
  'send.choose-schema': 'Choose another record type',
  'send.choose-columns': 'Back to the columns',
} as const;
