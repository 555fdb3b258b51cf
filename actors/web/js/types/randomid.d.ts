/** Ids that nobody else makes: 128 random bits. */
/** 32 hexadecimal digits. Not `randomUUID`: a page that came over plain HTTP has none. */
export declare function randomId(): string;
