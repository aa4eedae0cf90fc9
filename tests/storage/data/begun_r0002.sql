BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE regsearch_coordinators (
	study_name VARCHAR(512) NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	since DATETIME NOT NULL, 
	PRIMARY KEY (study_name)
);
INSERT INTO "regsearch_coordinators" VALUES('begun','host',14085,'2026-11-27 04:25:20.798843');
CREATE TABLE regsearch_curves (
	run_id INTEGER NOT NULL, 
	curve BLOB NOT NULL, 
	PRIMARY KEY (run_id), 
	FOREIGN KEY(run_id) REFERENCES regsearch_runs (run_id) ON DELETE CASCADE
);
INSERT INTO "regsearch_curves" VALUES(1,X'52534331030000000300000003000000000000007801BB7DA8C43EF15FB17DB955B17D737BA8BD8760A8FDCA392160B63B90BD02C8060023AC0E89');
INSERT INTO "regsearch_curves" VALUES(2,X'525343310300000003000000030000000000000078013B7A47D59EFFA0AA7DF85255FB4C4D65FB371CCAF6E92F94C0ECD7407606900D00F1B50C8E');
INSERT INTO "regsearch_curves" VALUES(3,X'5253433103000000030000000300000003000000780173172BB3773269B61779D3622FDB196AFF5E24D4BE7151089CDD00647BB7A5DBAFB897663FD73CCD1E00A8801236');
INSERT INTO "regsearch_curves" VALUES(4,X'52534331030000000300000003000000030000007801133651B1DFEAAC669F7E5FD9FEACA6B2FD436E657BC3B74AF6A7A16C7D205BB259C9FE438E92BD41A8923D0080B50F96');
INSERT INTO "regsearch_curves" VALUES(5,X'52534331030000000300000003000000030000007801F32949B13F7DABD3FEC6E679F6B29DA1F61912A1F6D16B4350D8BE6DE9F6C71EA7D9B3BAA7D90300E55A12C3');
INSERT INTO "regsearch_curves" VALUES(6,X'52534331030000000300000003000000030000007801DBE3AC647FB742DD3E585BC3BECE40D93E474CD9DEF28F927D2D909D0D649B03D9FDAD4AF60F0A95EC5FC72BD903007A860FE3');
INSERT INTO "regsearch_curves" VALUES(7,X'52534331030000000300000003000000000000007801EBCD0EB357FC34C3FEF9BF66FBE6F6507B15D150FBF8C521707602900D001D7F0E20');
INSERT INTO "regsearch_curves" VALUES(8,X'52534331030000000300000003000000000000007801F3EE53B4670ED4B2179FAC6E7F465FD9FEB290B2BDD35725FBD340F62520DB19C80600C9290B7E');
INSERT INTO "regsearch_curves" VALUES(9,X'525343310300000003000000030000000000000078015328CAB19F5DD66BFFDAB1C5BEB93DD4FE8550A8FD940521286C0016A50EF0');
INSERT INTO "regsearch_curves" VALUES(10,X'525343310300000003000000030000000000000078017BF34EC9FE6EB5AAFDFB5015FB33FACAF6AD82CAF6F99F94EC4F03D92D503600184E0DCB');
INSERT INTO "regsearch_curves" VALUES(11,X'525343310300000003000000030000000300000078017B7FA0D57E717AA77D9274BD7D637BA8FD6AC150FBE3734350D8416DE9F6D3EEA5D9DF354FB30700046B1497');
INSERT INTO "regsearch_curves" VALUES(12,X'525343310300000003000000030000000300000078018B9551B5DFF243D57EC64715FB700D65FBD3ECCAF6379F29C1D93780EC790D4AF6FBD295EC9FF92AD90300B4F811DC');
CREATE TABLE regsearch_runs (
	run_id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	trial_number INTEGER NOT NULL, 
	purpose VARCHAR(16) NOT NULL, 
	fold INTEGER NOT NULL, 
	repeat INTEGER NOT NULL, 
	seed INTEGER NOT NULL, 
	score FLOAT, 
	error TEXT, 
	penalty FLOAT, 
	epochs_trained INTEGER NOT NULL, 
	best_epoch INTEGER NOT NULL, 
	weight_norms TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	engine TEXT NOT NULL, 
	worker TEXT NOT NULL, zero_shares TEXT DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (run_id), 
	UNIQUE (study_id, trial_number, purpose, fold, repeat), 
	FOREIGN KEY(study_id) REFERENCES regsearch_studies (study_id) ON DELETE CASCADE
);
INSERT INTO "regsearch_runs" VALUES(1,1,0,'search',0,0,535586448,8.30515434344609615457e-01,NULL,0.0,3,3,'{"dense_1": 1.8794503211975098, "output": 1.6228504180908203}',1.11259924769999543061e+01,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(2,1,0,'search',1,0,1322202768,6.36358719319105148315e-01,NULL,0.0,3,3,'{"dense_1": 1.717950701713562, "output": 0.8372870683670044}',4.6608273900005769974e-01,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(3,1,1,'search',0,0,535586448,8.30604600409666660176e-01,NULL,1.1610072106122970581e-01,3,3,'{"dense_1": 1.8770517110824585, "output": 1.6228392124176025}',2.46546759999546338804e-02,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(4,1,1,'search',1,0,1322202768,0.636431660503149,NULL,9.67268720269203186035e-02,3,3,'{"dense_1": 1.713295817375183, "output": 0.8352348804473877}',3.39733069999965664464e-02,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(5,1,2,'search',0,0,535586448,8.30770164728164672851e-01,NULL,1.00557707250118255615e-01,3,3,'{"dense_1": 1.8770222663879395, "output": 1.6228573322296143}',0.0235813250000092,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(6,1,2,'search',1,0,1322202768,6.36661012967427608622e-01,NULL,0.0838201493024826,3,3,'{"dense_1": 1.7137045860290527, "output": 0.8351821899414062}',1.73757310000155484885e-02,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(7,1,3,'search',0,0,535586448,8.30617857476075527323e-01,NULL,0.0,3,3,'{"dense_1": 1.8794699907302856, "output": 1.6228806972503662}',1.632500199991682166e-02,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(8,1,3,'search',1,0,1322202768,6.36554898073275920999e-01,NULL,0.0,3,3,'{"dense_1": 1.717718243598938, "output": 0.835098922252655}',8.07247199998073483584e-03,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(9,1,4,'search',0,0,535586448,8.30575235188007354736e-01,NULL,0.0,3,3,'{"dense_1": 1.8794132471084595, "output": 1.6228396892547607}',1.17519200000515411375e-02,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(10,1,4,'search',1,0,1322202768,6.3651171078284585203e-01,NULL,0.0,3,3,'{"dense_1": 1.7177913188934326, "output": 0.8353009819984436}',1.25105150000308640301e-02,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(11,1,5,'search',0,0,535586448,8.3053247878948843752e-01,NULL,4.9805460730567574501e-04,3,3,'{"dense_1": 1.8794476985931396, "output": 1.6228516101837158}',1.96299950000593526056e-02,'graph: as asked','host:14085','{}');
INSERT INTO "regsearch_runs" VALUES(12,1,5,'search',1,0,1322202768,6.36334909747044208394e-01,NULL,4.16124647017568349838e-04,3,3,'{"dense_1": 1.7179222106933594, "output": 0.8352671265602112}',1.44939759999260786571e-02,'graph: as asked','host:14085','{}');
CREATE TABLE regsearch_studies (
	study_id INTEGER NOT NULL, 
	spec TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	data_sha256 VARCHAR(64) NOT NULL, 
	facts TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	n_trials INTEGER NOT NULL, 
	stop_requested BOOLEAN NOT NULL, 
	versions TEXT NOT NULL, 
	PRIMARY KEY (study_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id) ON DELETE CASCADE
);
INSERT INTO "regsearch_studies" VALUES(1,'{"study": {"name": "begun", "n_trials": 12, "seed": 5, "sampler": "tpe", "together": null, "pruner": "none", "window": 4}, "data": {"source": "sklearn.make_moons", "options": {"n_samples": 60, "noise": 0.2, "random_state": 1}, "path": null, "target": null, "task": "classification", "shape": null, "standardize": false}, "split": {"test": 0.2, "validation": {"method": "kfold", "folds": 2, "repeats": 1}, "stop": 0.2}, "model": {"family": "mlp", "builder": null, "keras": null, "weights": null, "hidden": [4], "activation": "relu", "filters": null, "kernel_size": null, "units": null}, "training": {"optimizer": "adam", "learning_rate": 0.001, "epochs": 3, "batch_size": 32, "engine": "graph", "precision": "float32"}, "objective": {"metric": "log_loss", "seeds": 1}, "space": {"l2": {"low": 1e-05, "high": 0.1, "log": true, "step": null}, "dropout": {"low": 0.1, "high": 0.5, "log": false, "step": null}, "patience": {"low": 1, "high": 3, "log": false, "step": null}}, "confirm": {"finalists": 0, "repeats": 20}}','log_loss','8db2258f78c037933eff5355ce90ff6cec5be674880a3b83bdadb05fe0911850','{"task": "binary", "classes": ["0", "1"], "input_shape": [2], "inputs": [], "scaled_bytes": false, "n_targets": 1, "rows": {"train": 19, "stop": 5, "validation": 24, "test": 12}, "model_sha256": null, "constant_scores": [0.6931471805599453, 0.6931471805599453], "folder": "studies"}','2026-11-27 04:25:21.547897',12,0,'{"regsearch": "0.1.0", "optuna": "5.0.0", "keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.6", "scikit-learn": "1.9.1"}');
CREATE TABLE regsearch_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT regsearch_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "regsearch_version" VALUES('r0002');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'begun');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MINIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'regsearch:metric','"log_loss"');
INSERT INTO "study_user_attributes" VALUES(2,1,'regsearch:data_sha256','"8db2258f78c037933eff5355ce90ff6cec5be674880a3b83bdadb05fe0911850"');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,7.35724806785583496093e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,7.34574854373931884765e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,1,3,7.33437061309814453125e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,1,7.35739946365356445312e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,2,7.34625339508056640625e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,2,3,7.33518093824386596679e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,3,1,0.735791027545929,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,3,2,7.3473224043846130371e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,3,3,7.33715593814849853515e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,4,1,0.735773503780365,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,4,2,7.34679877758026123046e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(12,4,3,7.33586400747299194335e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(13,5,1,0.735773503780365,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,5,2,7.34652876853942871093e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,5,3,7.33543485403060913085e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,6,1,7.35716581344604492187e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(17,6,2,0.734569251537323,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(18,6,3,7.33433693647384643554e-01,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'l2',3.16227766016837961451e-06,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'dropout',0.05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(3,1,'patience',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(4,2,'l2',3.29520513219120209091e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(5,2,'dropout',1.90340638965975139651e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(6,2,'patience',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(7,3,'l2',2.85414826585075158404e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(8,3,'dropout',3.78085751548601800564e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(9,3,'patience',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(10,4,'l2',8.2871108800582787314e-06,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(11,4,'dropout',3.71909745434031380195e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(12,4,'patience',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(13,5,'l2',1.58415922285986115764e-06,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(14,5,'dropout',3.01104447955503673473e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(15,5,'patience',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(16,6,'l2',1.40999134665009527188e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(17,6,'dropout',1.28412522971287301754e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(18,6,'patience',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(19,7,'l2',1.24282078830768791255e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(20,7,'dropout',1.16380191118347520173e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(21,7,'patience',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(22,8,'l2',9.53409586302326680917e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(23,8,'dropout',1.73555878341042579826e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(24,8,'patience',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(25,9,'l2',3.95470982825825098389e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(26,9,'dropout',3.43610323034046871715e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(27,9,'patience',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(28,10,'l2',1.91344555648913878728e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0000000000000002e-06, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(29,10,'dropout',2.72664695371719778549e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 0.5, "log": false}}');
INSERT INTO "trial_params" VALUES(30,10,'patience',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'configuration','{}');
INSERT INTO "trial_user_attributes" VALUES(2,1,'baseline','true');
INSERT INTO "trial_user_attributes" VALUES(3,2,'configuration','{"dropout": 0.19034063896597514, "l2": 0.03295205132191202, "patience": 1}');
INSERT INTO "trial_user_attributes" VALUES(4,3,'configuration','{"dropout": 0.3780857515486018, "l2": 0.028541482658507516, "patience": 3}');
INSERT INTO "trial_user_attributes" VALUES(5,4,'configuration','{"dropout": 0.3719097454340314}');
INSERT INTO "trial_user_attributes" VALUES(6,5,'configuration','{"dropout": 0.3011044479555037}');
INSERT INTO "trial_user_attributes" VALUES(7,6,'configuration','{"dropout": 0.1284125229712873, "l2": 0.00014099913466500953, "patience": 2}');
INSERT INTO "trial_user_attributes" VALUES(8,7,'configuration','{"dropout": 0.11638019111834752, "l2": 0.012428207883076879}');
INSERT INTO "trial_user_attributes" VALUES(9,8,'configuration','{"dropout": 0.17355587834104258, "l2": 0.009534095863023267, "patience": 3}');
INSERT INTO "trial_user_attributes" VALUES(10,9,'configuration','{"dropout": 0.34361032303404687, "l2": 0.0003954709828258251}');
INSERT INTO "trial_user_attributes" VALUES(11,10,'configuration','{"dropout": 0.2726646953717198, "l2": 0.0019134455564891388, "patience": 3}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,7.33437076831857437397e-01,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,7.33518130456407790873e-01,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,7.33715588847796196247e-01,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,7.33586377774675724161e-01,'FINITE');
INSERT INTO "trial_values" VALUES(5,5,0,7.33543472985426658894e-01,'FINITE');
INSERT INTO "trial_values" VALUES(6,6,0,7.33433694268266322957e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-27 04:25:21.565682','2026-11-27 04:25:33.979060');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-27 04:25:21.568539','2026-11-27 04:25:34.854455');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-27 04:25:21.576047','2026-11-27 04:25:35.718102');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-27 04:25:21.577559','2026-11-27 04:25:36.543831');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-27 04:25:33.986730','2026-11-27 04:25:37.387768');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-27 04:25:34.855619','2026-11-27 04:25:38.238477');
INSERT INTO "trials" VALUES(7,6,1,'RUNNING','2026-11-27 04:25:35.722850',NULL);
INSERT INTO "trials" VALUES(8,7,1,'RUNNING','2026-11-27 04:25:36.544983',NULL);
INSERT INTO "trials" VALUES(9,8,1,'RUNNING','2026-11-27 04:25:37.389585',NULL);
INSERT INTO "trials" VALUES(10,9,1,'RUNNING','2026-11-27 04:25:38.239673',NULL);
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TRIGGER regsearch_study_deleted AFTER DELETE ON studies BEGIN DELETE FROM regsearch_curves WHERE run_id IN (SELECT run_id FROM regsearch_runs WHERE study_id = OLD.study_id); DELETE FROM regsearch_runs WHERE study_id = OLD.study_id; DELETE FROM regsearch_studies WHERE study_id = OLD.study_id; END;
COMMIT;
