DROP INDEX "jobs_claim";--> statement-breakpoint
DROP INDEX "tasks_open";--> statement-breakpoint
CREATE INDEX "jobs_claim" ON "jobs" USING btree ("priority" DESC NULLS FIRST,"id") WHERE "jobs"."state" in ('queued', 'running');--> statement-breakpoint
CREATE INDEX "tasks_open" ON "tasks" USING btree ("project_id","kind","priority" DESC NULLS FIRST,"id") WHERE "tasks"."state" = 'open' and "tasks"."taken" < "tasks"."wanted_labels";