/** All that tells a workbook from another archive and reads it, in one module that is loaded for archives alone. */
export { findPart, findWorkbookPart } from './package-parts.ts';
export { rewriteXlsx } from './rewrite-xlsx.ts';
export { notWorkbook } from './workbook.ts';
