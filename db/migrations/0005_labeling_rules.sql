-- What a person typed or judged is never overwritten: see 0001_immutable.
CREATE TRIGGER "reviews_immutable" BEFORE UPDATE OR DELETE ON "reviews"
  FOR EACH ROW EXECUTE FUNCTION "refuse_overwriting_label"();
--> statement-breakpoint
CREATE TRIGGER "review_verdicts_immutable" BEFORE UPDATE OR DELETE ON "review_verdicts"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "draft_revisions_immutable" BEFORE UPDATE OR DELETE ON "draft_revisions"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
-- Projects and drafts from before these settings get what was so until now.
UPDATE "projects" SET "settings" =
  '{"gold": {"rate": 0, "shown": false}, "screening": null, "dailyCap": null, "review": {"agreementBelow": null, "rewardMargin": null, "sampled": 0}}'::jsonb
  || "settings" || jsonb_build_object('wantedLabels', '{"review": 1}'::jsonb || ("settings" -> 'wantedLabels'));
--> statement-breakpoint
UPDATE "assignments" SET "draft" = '{"prompt": null, "checklist": []}'::jsonb || "draft"
  WHERE "draft" ->> 'kind' = 'demonstration';
