import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  carryStrengths,
  dropOn,
  move,
  type Order,
  placeAt,
  spell,
  tieAbove,
  tieWith,
  untie,
  without,
} from './order.ts';

describe('the order a labeler builds', () => {
  const order: Order = [['c'], ['a', 'd'], ['b']];

  it('places at a rank of its own and shifts the rest', () => {
    expect(placeAt(order, 'e', 1)).toEqual([['c'], ['e'], ['a', 'd'], ['b']]);
    expect(placeAt(order, 'b', 0)).toEqual([['b'], ['c'], ['a', 'd']]);
    expect(placeAt([], 'a', 8)).toEqual([['a']]);
  });

  it('ties and unties as an act', () => {
    expect(tieAbove(order, 'b')).toEqual([['c'], ['a', 'd', 'b']]);
    expect(tieAbove(order, 'e')).toEqual([['c'], ['a', 'd'], ['b', 'e']]);
    expect(tieAbove(order, 'c')).toEqual(order);
    expect(untie(order, 'a')).toEqual([['c'], ['d'], ['a'], ['b']]);
    expect(tieWith(order, 'c', 'c')).toEqual(order);
  });

  it('drops into a gap, onto a rank, and out', () => {
    expect(dropOn(order, 'e', 'gap-0')).toEqual([['e'], ['c'], ['a', 'd'], ['b']]);
    expect(dropOn(order, 'c', 'gap-2')).toEqual([['a', 'd'], ['c'], ['b']]);
    expect(dropOn(order, 'a', 'gap-2')).toEqual([['c'], ['d'], ['a'], ['b']]);
    expect(dropOn(order, 'b', 'gap-3')).toEqual(order);
    expect(dropOn(order, 'b', 'group-0')).toEqual([
      ['c', 'b'],
      ['a', 'd'],
    ]);
    expect(dropOn(order, 'c', 'group-0')).toEqual(order);
    expect(dropOn(order, 'd', 'waiting')).toEqual([['c'], ['a'], ['b']]);
    expect(dropOn(order, 'd', 'elsewhere')).toEqual(order);
  });

  it('moves by one rank, out of a tie to the nearer side', () => {
    expect(move(order, 'b', -1)).toEqual([['c'], ['b'], ['a', 'd']]);
    expect(move(order, 'd', -1)).toEqual([['c'], ['d'], ['a'], ['b']]);
    expect(move(order, 'd', 1)).toEqual([['c'], ['a'], ['d'], ['b']]);
    expect(move(order, 'c', -1)).toEqual(order);
    expect(move(order, 'b', 1)).toEqual(order);
  });

  it('keeps a strength only between the same two neighbours', () => {
    const after = placeAt(order, 'e', 3);
    expect(carryStrengths(order, ['better', 'slight'], after)).toEqual(['better', 'slight', null]);
    expect(carryStrengths(order, ['better', 'slight'], move(order, 'b', -1))).toEqual([null, null]);
  });

  it('reads out as it will be stored', () => {
    expect(spell(order, (id) => id.toUpperCase())).toBe('1 C, 2 A = D, 3 B');
  });

  it('holds every placed completion exactly once, whatever is done', () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const act = fc.tuple(fc.constantFrom(...ids), fc.nat(9), fc.constantFrom(...ids), fc.nat(5));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        let current: Order = [];
        for (const [id, rank, other, what] of acts) {
          if (what === 0) current = placeAt(current, id, rank);
          else if (what === 1)
            current = current.flat().includes(other) ? tieWith(current, id, other) : current;
          else if (what === 2) current = tieAbove(current, id);
          else if (what === 3) current = untie(current, id);
          else if (what === 4) current = move(current, id, rank % 2 === 0 ? 1 : -1);
          else current = without(current, id);
          const placed = current.flat();
          expect(new Set(placed).size).toBe(placed.length);
          expect(current.every((group) => group.length > 0)).toBe(true);
        }
      }),
    );
  });
});
