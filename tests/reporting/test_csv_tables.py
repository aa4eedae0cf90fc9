"""CSV that we write: nothing in it becomes a formula."""

import dataclasses

from search.followup.prediction import Predictions
from search.records import Configuration
from search.reporting.csv_tables import runs_csv, trials_csv


def test_trials_and_runs_tell_errors_and_names_as_text(storage):
    study = dataclasses.replace(storage.study("quick"), spec={"space": {"@layer.l2": {}, "model.hidden": {}}})
    first = storage.trials(study.study_id)[0]
    settings = Configuration({"@layer.l2": -0.5, "model.hidden": (4, 4)})
    told = trials_csv(study, [dataclasses.replace(first, score=-1.5, configuration=settings, error="=HYPERLINK(1)")])
    assert told == (
        "trial,state,log_loss,'@layer.l2,model.hidden,error\n0,complete,-1.5,-0.5,\"[4, 4]\",'=HYPERLINK(1)\n"
    )
    run = dataclasses.replace(storage.runs(study.study_id)[0], score=-2.5, error="-x")
    line = runs_csv([run]).splitlines()[1]
    assert line == f"0,0,0,{run.seed},-2.5,2,2,0.0,{run.engine},'-x"


def test_predictions_keep_numbers_and_guard_names_labels_and_cells():
    told = Predictions(["=name", "a", "prediction"], [["@SUM(1)", "-1.5", "-no"], ["x", "-1e-07", "yes"]]).to_csv()
    assert told == "'=name,a,prediction\n'@SUM(1),-1.5,'-no\nx,-1e-07,yes\n"
