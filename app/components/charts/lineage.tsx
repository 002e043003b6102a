'use client';

import Link from 'next/link';
import { ModelChip, type ModelKind } from '../ui/chip.tsx';

export interface LineageNode {
  id: string;
  name: string;
  kind: ModelKind;
  parentId: string | null;
  distance: number;
  datasetVersion: { id: string; name: string } | null;
}

/** A model's line: its ancestors from the base down, itself, and what was made of it; each edge says on which data. */
export function Lineage({ nodes, current }: { nodes: LineageNode[]; current: string }) {
  const line = nodes.filter((node) => node.distance >= 0).sort((a, b) => b.distance - a.distance);
  const children = nodes.filter((node) => node.distance < 0);
  return (
    <ol aria-label="Lineage" className="flex flex-col">
      {line.map((node, index) => (
        <li key={node.id} className="flex flex-col">
          {index > 0 && <Edge data={node.datasetVersion?.name ?? null} />}
          <Node node={node} current={node.id === current} />
        </li>
      ))}
      {children.length > 0 && (
        <li className="flex flex-col">
          <Edge data={null} />
          <ul className="flex flex-wrap gap-3">
            {children.map((node) => (
              <li key={node.id}>
                <Node node={node} current={false} />
                {node.datasetVersion && (
                  <p className="pt-1 text-12 text-quiet">on {node.datasetVersion.name}</p>
                )}
              </li>
            ))}
          </ul>
        </li>
      )}
    </ol>
  );
}

function Node({ node, current }: { node: LineageNode; current: boolean }) {
  const body = (
    <>
      <ModelChip kind={node.kind} />
      <span className="min-w-0 truncate">{node.name}</span>
    </>
  );
  const shape = 'inline-flex max-w-full items-center gap-3 self-start rounded-one border px-3 py-2';
  return current ? (
    <span aria-current="page" className={`${shape} border-gold bg-gold-wash font-strong`}>
      {body}
    </span>
  ) : (
    <Link href={`/models/${node.id}`} className={`${shape} bg-surface hover:bg-sunken`}>
      {body}
    </Link>
  );
}

function Edge({ data }: { data: string | null }) {
  return (
    <div className="ml-6 flex h-9 items-center gap-3 border-l-2 border-edge pl-4 text-12 text-quiet">
      {data !== null && <span>trained on {data}</span>}
    </div>
  );
}
