// Loaded into a child process before its program (`node --import`): when the parent is gone, however it ended, so is the
// child. The parent holds the other end of an IPC channel; the channel itself keeps nothing alive.
if (process.channel) {
  process.on('disconnect', () => process.exit(0));
  process.channel.unref();
}
