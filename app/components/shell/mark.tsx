/** The touchstone: a dark slate with one streak of gold. */
export function Mark({ className = 'size-6' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden="true">
      <rect width="32" height="32" rx="6" fill="#1b222b" stroke="#717d8b" strokeWidth="1" />
      <path d="M7 22 25 10" stroke="#dfae3c" strokeWidth="4" strokeLinecap="round" />
    </svg>
  );
}
