/** How something stands, by colour and picture; words always say the same. */
export type Tone = 'info' | 'success' | 'warning' | 'error';
