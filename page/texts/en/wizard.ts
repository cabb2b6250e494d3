/** Texts of the steps before a file is sent: pick, columns, check. */
export const wizard = {
  'wizard.step-pick': 'File',
  'wizard.step-columns': 'Columns',
  'wizard.step-check': 'Check',
  'wizard.step-send': 'Send',
  'wizard.back': 'Back',
  'wizard.go-on': 'Continue',
  'wizard.other-file': 'Choose another file',
  'wizard.leave':
    'The file is not sent completely. If you leave now, choose the same file again later to go on. Leave?',

  'wizard.pick-heading': 'Choose a file',
  'wizard.pick-label': 'File with records',
  'wizard.pick-hint':
    'A table as CSV or Excel (XLSX), or JSON lines. The file may be packed as ZIP, gzip or zstd. Nothing is sent yet.',
  'wizard.pick-instructions': 'Drag a file here, or choose one',
  'wizard.pick-empty': '“{name}” is empty: it has 0 bytes. Save it again with its records, and choose it once more.',
  'wizard.pick-folder':
    '“{name}” is a folder. Choose a single file; if the records are in several, put them into one table first.',
  'wizard.pick-many': 'You dropped {count} files. Drop one file at a time: each file becomes an upload of its own.',
  'wizard.pick-no-file': 'What you dropped is not a file. Drag a file from a folder of your computer.',
  'wizard.pick-unreadable':
    '“{name}” cannot be read. It was moved, changed or is open in another program, or you may not read it. Close it there and choose it again.',
  'wizard.pick-too-large': '“{name}” is larger than 5 TiB, the most that can be stored. Split it into several files.',
  'wizard.inspecting': 'Looking at “{name}” …',
  'wizard.picked': '“{name}” ({size})',

  'wizard.schema-label': 'Record type',
  'wizard.schema-hint': 'What the records of the file are, and so where they are stored.',
  'wizard.schema-choose': 'Choose a record type',
  'wizard.schema-fits': '{name}: all columns fit',
  'wizard.schema-partly': '{name}: {count} of {columns} columns fit',
  'wizard.schema-none': '{name}: no column fits',
  'wizard.schema-suggested': '“{name}” is suggested, because the columns of the file fit it best.',
  'wizard.schema-missing': 'Choose the record type that the file has.',
  'wizard.schema-not-ready': '{name}: cannot be used now',
  'wizard.schema-not-ready-text':
    'This record type cannot be used until it is mended. Ask the person who looks after BatchUpload.',
  'wizard.schemas-failed': 'The record types cannot be shown',
  'wizard.schemas-empty':
    'No record types are set up here yet. Ask the person who looks after BatchUpload to make one (a RecordSchema).',
  'wizard.schema-failed': 'The record type cannot be read',

  'wizard.unfinished-heading': 'Files that are not sent completely',
  'wizard.unfinished-text':
    'Choose the same file again to go on where the sending stopped. It waits until the time that is shown.',
  'wizard.unfinished-item': '“{name}” ({size}) for {schema}, until {until}',
  'wizard.unfinished-remove': 'Remove',
  'wizard.unfinished-remove-of': 'Remove “{name}”',
  'wizard.unfinished-removed': '“{name}” was removed.',
  'wizard.same-heading': 'You have begun to send this file',
  'wizard.same-text': '“{name}” was chosen for {schema} before. The parts that have arrived need not be sent again.',
  'wizard.same-go-on': 'Go on with sending',
  'wizard.same-anew': 'Begin anew',
  'wizard.changed-heading': 'This file has changed',
  'wizard.changed-text':
    'You have begun to send a file “{name}”, but this one has other contents or was saved since. What was sent of the other one cannot be used: this file is sent from its beginning.',

  'wizard.columns-heading': 'Say what the columns are',
  'wizard.columns-text':
    'Some columns of the file do not have the names that “{schema}” knows. Choose for each one what it is, or that it is not loaded.',
  'wizard.columns-open': 'Columns to decide',
  'wizard.columns-known': {
    one: '{count} column is clear by its name',
    other: '{count} columns are clear by their names',
  },
  'wizard.columns-column': 'Column of the file',
  'wizard.columns-samples': 'First values',
  'wizard.columns-field': 'What it is',
  'wizard.columns-nameless': '(a column without a name)',
  'wizard.columns-nameless-text':
    'A column in the middle of the file has no name. Write a name into its first row, and choose the file again.',
  'wizard.columns-long-name':
    'The name of the column “{name}” has more than {most} characters. Write a shorter one into the file, and choose the file again.',
  'wizard.columns-too-many':
    'More than {most} columns need to be explained. Take columns that are not needed out of the file, and choose it again.',
  'wizard.columns-label': 'What is the column “{name}”?',
  'wizard.columns-ignore': 'Do not load this column',
  'wizard.columns-required': '{field} (required)',
  'wizard.columns-more': 'Show more columns',
  'wizard.reason-before': 'You or somebody else chose this for such a file before.',
  'wizard.reason-likeness': 'Proposed, because it looks alike.',
  'wizard.columns-errors': 'The columns do not fit yet',
  'wizard.columns-twice': 'Two columns are to be “{field}”. Choose something else for “{name}”.',
  'wizard.columns-missing': {
    one: 'No column is “{fields}”, which must be there. Choose it for one of the columns, or add the column to the file.',
    other:
      'No columns are {fields}, which must be there. Choose them for some of the columns, or add the columns to the file.',
  },
  'wizard.columns-same-name':
    'Two columns have the name “{name}”, so that nobody can tell them apart. Give one of them another name in the file, and choose the file again.',
  'wizard.columns-order':
    'The columns must be in this order: {fields}. Bring them into this order in the file, and choose the file again.',
  'wizard.columns-nothing': 'No column of the file is loaded. Choose what at least one column is.',
  'wizard.columns-complete': 'Every required column is there.',

  'wizard.check-heading': 'Check the records',
  'wizard.check-change-columns': 'Change the columns',
  'wizard.kind': 'Kind of file',
  'wizard.kind-csv': 'Table (CSV)',
  'wizard.kind-ndjson': 'JSON lines',
  'wizard.kind-xlsx': 'Excel workbook (XLSX)',
  'wizard.compression': 'Packed as',
  'wizard.encoding': 'Letters stored as',
  'wizard.delimiter': 'Between two fields',
  'wizard.delimiter-comma': 'a comma',
  'wizard.delimiter-semicolon': 'a semicolon',
  'wizard.delimiter-tab': 'a tab',
  'wizard.delimiter-pipe': 'a vertical bar',
  'wizard.checking': 'Checking the file',
  'wizard.checking-progress': '{read} of {size}, {records} records, {failed} with mistakes',
  'wizard.check-cancel': 'Stop the check',
  'wizard.check-whole': 'Check the whole file',
  'wizard.check-stopped': 'The check was stopped. You can send the file all the same, or check it again.',
  'wizard.check-again': 'Check again',
  'wizard.rows-heading': 'The first records, as they will be stored',
  'wizard.rows-row': 'Row',
  'wizard.rows-empty': 'no value',
  'wizard.rows-faults': 'Mistakes',
  'wizard.result-good': 'No mistakes were found',
  'wizard.result-good-all': {
    one: 'The {count} record of the file was checked.',
    other: 'All {count} records of the file were checked.',
  },
  'wizard.result-good-part': {
    one: '{count} record at the beginning of the file was checked.',
    other: '{count} records at the beginning of the file were checked.',
  },
  'wizard.result-bad': {
    one: '{count} record has mistakes',
    other: '{count} records have mistakes',
  },
  'wizard.result-bad-all': '{records} records were checked, which are all of the file.',
  'wizard.result-bad-part': '{records} records at the beginning of the file were checked.',
  'wizard.result-bad-do':
    'Correct them in the file and choose it again, or send the file as it is: the records with mistakes are not stored, and you get them back as a file to correct.',
  'wizard.result-none': 'The file has no records',
  'wizard.result-none-text':
    'Below its first row there is nothing. Save the file with its records, and choose it again.',
  'wizard.codes-heading': 'What is wrong',
  'wizard.codes-count': {
    one: '{count} time',
    other: '{count} times',
  },
  'wizard.codes-row': 'Row {row}: {message}',
  'wizard.codes-more': 'These are the first ones.',
  'wizard.repeated-heading': 'Records with the same key',
  'wizard.repeated-text': {
    one: '{count} record has the key of an earlier record of the file (row {rows}).',
    other: '{count} records have the key of an earlier record of the file (first in the rows {rows}).',
  },
  'wizard.repeated-skip': 'The first record with a key is stored; the others are counted as duplicates.',
  'wizard.repeated-update': 'The last record with a key is stored; the others are counted as duplicates.',
  'wizard.repeated-fail': 'The first record with a key is stored; the others come back as failed.',
  'wizard.repeated-incomplete': 'There may be more, since the file has more keys than the page remembers.',
  'wizard.open-heading': 'What is only known when the file is loaded',
  'wizard.open-stored-keys': 'Whether records with the same key are stored already.',
  'wizard.open-table-rules': 'Whether the database has rules of its own that refuse a record.',
  'wizard.open-column-types': 'Whether each value has room in its place in the database.',
  'wizard.fault-heading': 'This file cannot be loaded',
  'wizard.fault-damaged':
    'The file is damaged or was cut off, perhaps when it was copied. Get it once more, and choose it again.',
  'wizard.fault-not-supported':
    'This kind of file is not read here. Save the table as CSV (UTF-8) or as XLSX, and choose that file.',
  'wizard.fault-mismatch':
    'The file is of another kind than was said. Save it as CSV (UTF-8) or XLSX, and choose it again.',
  'wizard.fault-header': 'The first row does not have the names of the columns that are needed.',
  'wizard.fault-quote':
    'A quotation mark opens a field and is never closed, so that nobody knows where the records end. Correct the row that is named below, and choose the file again.',
  'wizard.fault-too-long':
    'A record is longer than can be loaded. Usually a quotation mark before it is missing or one too many. Correct the row that is named below, and choose the file again.',
  'wizard.fault-check-heading': 'The file could not be checked',
  'wizard.fault-check':
    'The network may be away, or the page has a mistake. Choose the file again when the network is back. In the step “Check” you can also send the file without it.',
  'wizard.fault-unreadable':
    'The file was changed, moved or deleted while it was read. Choose it again, so that the file is sent that you mean.',
  'wizard.fault-other': 'The file cannot be read as it is.',
  'wizard.fault-details': 'The exact words',
  'wizard.send': 'Send the file',
  'wizard.send-without-check': 'Send without a check',
  'wizard.ask-heading': 'Send the file with its mistakes?',
  'wizard.ask-text': {
    one: '{count} record has mistakes. It is not stored, and you get it back as a file after the upload. The others are loaded.',
    other:
      '{count} records have mistakes. They are not stored, and you get them back as a file after the upload. The others are loaded.',
  },
  'wizard.ask-part': 'Only the beginning of the file was checked: there may be more.',
  'wizard.ask-send': 'Send with mistakes',
  'wizard.ask-back': 'Go back',
} as const;
