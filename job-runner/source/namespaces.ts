/** The namespaces of a workbook: those of the usual flavour of the standard (transitional), and those of "strict". */

export const SHEET_NAMESPACES = [
  'http://schemas.openxmlformats.org/spreadsheetml/2006/main',
  'http://purl.oclc.org/ooxml/spreadsheetml/main',
];

/** The namespaces of the ids by which one part names another. */
export const RELATION_ID_NAMESPACES = [
  'http://schemas.openxmlformats.org/officeDocument/2006/relationships',
  'http://purl.oclc.org/ooxml/officeDocument/relationships',
];
