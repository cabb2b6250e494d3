/** What the pages without JavaScript need. */
import type { PageSettings } from '#operator/config/page-config.ts';
import type { Sessions } from '#operator/gateway/model/types.ts';
import type { FailedRecordsFile } from '#operator/gateway/uploads/error-routes.ts';
import type { UploadDeps } from '#operator/gateway/uploads/upload-deps.ts';

export interface FormDeps extends UploadDeps {
  page: PageSettings;
  sessions: Sessions;
  failedRecordsFile: FailedRecordsFile;
  /** The address of the style sheet; null when the page was not built. */
  styleSheet: string | null;
}
