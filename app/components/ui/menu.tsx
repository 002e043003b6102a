'use client';

import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';

export interface MenuItem {
  /** Different from the other items'. */
  label: string;
  onSelect(): void;
  /** Marks the one that holds now. */
  checked?: boolean;
  danger?: boolean;
}

interface MenuProps {
  /** The button that opens it. */
  trigger: ReactNode;
  /** A heading inside the menu. */
  heading?: string;
  items: MenuItem[];
  align?: 'start' | 'end';
}

/** A menu of actions behind a button. */
export function Menu({ trigger, heading, items, align = 'end' }: MenuProps) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          sideOffset={4}
          collisionPadding={8}
          className="z-50 min-w-48 max-w-80 rounded-one border bg-surface py-1 shadow-float"
        >
          {heading !== undefined && (
            <DropdownMenu.Label className="px-3 py-1 text-12 text-quiet">{heading}</DropdownMenu.Label>
          )}
          {items.map((item) => (
            <DropdownMenu.Item
              key={item.label}
              onSelect={item.onSelect}
              className={`flex cursor-pointer items-center gap-2 px-3 py-1.5 text-14 outline-none data-[highlighted]:bg-sunken ${item.danger ? 'text-red' : ''}`}
            >
              <span className="min-w-0 flex-1 truncate">{item.label}</span>
              {item.checked && (
                <>
                  <span className="sr-only">chosen</span>
                  <span aria-hidden="true">✓</span>
                </>
              )}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
