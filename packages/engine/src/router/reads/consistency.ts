import type { consistencyLevels } from '../../contract/router-settings.ts';

export type Consistency = (typeof consistencyLevels)[number];
