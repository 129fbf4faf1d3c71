package io.resfuse.server.rest;

/**
 * The bytes of a request.
 *
 * @param bytes from 0
 * @param length how many of them
 */
@SuppressWarnings("ArrayRecordComponent")
record Body(byte[] bytes, int length) {}
