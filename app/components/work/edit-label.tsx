'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { use, useRef, useState } from 'react';
import { type Outputs, useTRPC } from '../../lib/trpc.ts';
import { Button } from '../ui/button.tsx';
import { useNotices } from '../ui/notices.tsx';
import { loadKind } from './kinds/kinds.ts';
import { newIdempotencyKey } from './use-lease.ts';

type Detail = Outputs['labeling']['historyItem'];

interface EditLabelProps {
  label: Detail;
  /** The version that the change begins with. */
  version: Detail['versions'][number];
  onDone(): void;
}

/** Changes one's own label where it was made: the same editor, ending in a new version. */
export function EditLabel({ label, version, onDone }: EditLabelProps) {
  const kind = use(loadKind(label.kind));
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const key = useRef(newIdempotencyKey());
  const [draft, setDraft] = useState(() => kind.fromContent(version.content));
  const edit = useMutation(
    trpc.labeling.edit.mutationOptions({
      onSuccess: async () => {
        await client.invalidateQueries({
          queryKey: trpc.labeling.historyItem.queryKey({ assignmentId: label.assignmentId }),
        });
        notify({ tone: 'green', text: 'New version saved; the older one is kept.' });
        onDone();
      },
      onError: (error) => notify({ tone: 'red', text: `The change was not saved: ${error.message}` }),
    }),
  );
  const missing = kind.missing(label, draft);
  return (
    <section aria-label="New version" className="flex flex-col gap-3">
      <kind.Editor subject={label} draft={draft} change={setDraft} />
      <div className="flex flex-wrap items-center gap-2">
        <Button
          tone="primary"
          disabled={missing !== ''}
          busy={edit.isPending}
          onClick={() =>
            edit.mutate({
              assignmentId: label.assignmentId,
              baseVersion: version.version,
              idempotencyKey: key.current,
              content: kind.toContent(label, draft),
            })
          }
        >
          Save version {version.version + 1}
        </Button>
        <Button onClick={onDone}>Leave as it was</Button>
        <p className="text-12 text-quiet">{missing}</p>
      </div>
    </section>
  );
}
