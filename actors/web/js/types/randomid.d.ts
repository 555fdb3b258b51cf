/** Makes unique ids of 128 random bits. */
/** Returns 32 hexadecimal digits. Not `randomUUID`: a page loaded over plain HTTP lacks it. */
export declare function randomId(): string;
