'use client';

import { Button, type ButtonProps } from './button.tsx';
import { keyName, useKeys } from './keys.tsx';

/** A button whose key does the same, is printed on it, and stands in the list of the page's keys (`?`). */
export function KeyButton({
  keys,
  children,
  onPress,
  ...rest
}: Omit<ButtonProps, 'onClick' | 'shortcut' | 'children'> & {
  keys: string;
  /** Its label, which the list of keys shows too. */
  children: string;
  onPress(): void;
}) {
  useKeys([
    {
      keys,
      label: children,
      run: () => {
        if (!rest.disabled && !rest.busy) onPress();
      },
    },
  ]);
  return (
    <Button {...rest} onClick={onPress} shortcut={keyName(keys)}>
      {children}
    </Button>
  );
}
