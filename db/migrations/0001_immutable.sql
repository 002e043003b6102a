-- A frozen dataset version, and the list of its labels, can be neither changed nor deleted.
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a row of % is never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER "dataset_versions_immutable" BEFORE UPDATE OR DELETE ON "dataset_versions"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "dataset_version_labels_immutable" BEFORE UPDATE OR DELETE ON "dataset_version_labels"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "audit_log_immutable" BEFORE UPDATE OR DELETE ON "audit_log"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "guidelines_immutable" BEFORE UPDATE OR DELETE ON "guidelines"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
-- Nothing that a person wrote is deleted or overwritten: a later version takes its place, and only that is noted.
CREATE FUNCTION "refuse_overwriting_label"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'superseded_at') <> (to_jsonb(OLD) - 'superseded_at') THEN
    RAISE EXCEPTION 'a label in % is never overwritten or deleted: an edit is a new version', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "demonstrations_immutable" BEFORE UPDATE OR DELETE ON "demonstrations"
  FOR EACH ROW EXECUTE FUNCTION "refuse_overwriting_label"();
--> statement-breakpoint
CREATE TRIGGER "rankings_immutable" BEFORE UPDATE OR DELETE ON "rankings"
  FOR EACH ROW EXECUTE FUNCTION "refuse_overwriting_label"();
--> statement-breakpoint
CREATE TRIGGER "ratings_immutable" BEFORE UPDATE OR DELETE ON "ratings"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
--> statement-breakpoint
-- The text that a label judges must stay what was judged. A completion's reward may be scored anew, its text may not.
CREATE FUNCTION "refuse_changing_text"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE'
    OR (to_jsonb(NEW) - '{reward,reward_model_id,metadata}'::text[])
      <> (to_jsonb(OLD) - '{reward,reward_model_id,metadata}'::text[]) THEN
    RAISE EXCEPTION 'the text of a row of % is never changed or deleted', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "prompts_immutable" BEFORE UPDATE OR DELETE ON "prompts"
  FOR EACH ROW EXECUTE FUNCTION "refuse_changing_text"();
--> statement-breakpoint
CREATE TRIGGER "completions_immutable" BEFORE UPDATE OR DELETE ON "completions"
  FOR EACH ROW EXECUTE FUNCTION "refuse_changing_text"();
