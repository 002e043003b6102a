// Loaded into a child process before its program (`node --import`): when the parent is gone, however it ended, so is the
// child. The parent holds the other end of an IPC channel; the channel itself keeps nothing alive.
const parent = process.env.WATCHED_PARENT;
// The child's own children load this too, but their channel is their program's: they must not find the name.
delete process.env.WATCHED_PARENT;
if (parent !== undefined) {
  process.on('disconnect', () => process.exit(0));
  process.channel?.unref();
  // The parent may have gone while this was being loaded, and the event with it.
  if (!process.connected || parent !== String(process.ppid)) process.exit(0);
}
