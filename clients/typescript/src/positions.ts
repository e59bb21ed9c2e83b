/**
 * Position tokens: how far the topics reached when something had been published.
 *
 * To whoever holds one it is opaque; a session joins those of several publications.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import { Packr } from "msgpackr";
import { UnexpectedAnswer } from "./errors.js";

/** Topic → partition → offset of the last record that matters. */
export type Positions = ReadonlyMap<string, ReadonlyMap<number, number>>;

const VERSION = 1;
const CHECK_BYTES = 4;
// The parameter has sixteen bytes, whatever the name's length.
const PERSONALIZATION = new TextEncoder().encode("strata-position\0");
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: false,
  variableMapSize: true,
  int64AsType: "number",
});

/** The token of these positions. */
export function tokenOf(positions: Positions): string {
  const packed = packr.pack(
    new Map([...positions].map(([topic, offsets]) => [topic, new Map([...offsets].map(whole))])),
  );
  const body = new Uint8Array(1 + packed.length);
  body[0] = VERSION;
  body.set(packed, 1);
  const checked = new Uint8Array([...body, ...check(body)]);
  return btoa(Array.from(checked, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Inverse of `tokenOf`; throws UnexpectedAnswer for a token that this client cannot read. */
export function positionsOf(token: string): Positions {
  try {
    const text = atob(token.replaceAll("-", "+").replaceAll("_", "/"));
    const raw = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const body = raw.subarray(0, -CHECK_BYTES);
    const expected = check(body);
    const isWhole = raw.subarray(-CHECK_BYTES).every((byte, at) => byte === expected[at]);
    if (body.length > 1 && isWhole && body[0] === VERSION) {
      return packr.unpack(body.subarray(1)) as Positions;
    }
  } catch (error) {
    throw new UnexpectedAnswer("this is no position token", { cause: error });
  }
  throw new UnexpectedAnswer("this is no position token of a version that this client reads");
}

/** Positions that are as far as both. */
export function joined(one: Positions, other: Positions): Positions {
  const together = new Map([...one].map(([topic, offsets]) => [topic, new Map(offsets)]));
  for (const [topic, offsets] of other) {
    const known = together.get(topic) ?? new Map<number, number>();
    for (const [partition, offset] of offsets) {
      known.set(partition, Math.max(known.get(partition) ?? offset, offset));
    }
    together.set(topic, known);
  }
  return together;
}

/** Numbers beyond 32 bits would be written as floats. */
function whole([partition, offset]: readonly [number, number]): [number, number | bigint] {
  return [partition, offset < 2 ** 32 ? offset : BigInt(offset)];
}

function check(body: Uint8Array): Uint8Array {
  return blake2b(body, { dkLen: CHECK_BYTES, personalization: PERSONALIZATION });
}
