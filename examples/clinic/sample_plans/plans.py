"""Four sample plans of care. Every person, number and finding is fictional."""

from datetime import date

from examples.clinic.sample_plans.content import Author, Diagnosis, Goal, Intervention, Patient, Plan, Table

SAM_LEE = Author("Sam Lee", "PT, DPT", "+15125550177", "PT 1184402")
PRIYA_RAMAN = Author("Priya Raman", "OTR/L, CHT", "+15125550178", "OT 117265")
DANA_WHITFIELD = Author("Dana Whitfield", "MS, CCC-SLP", "+15125550179", "SLP 106318")

KNEE = Plan(
    key="pt-knee",
    kind="plan_of_care",
    title="Plan of Care, initial evaluation",
    label="Physical therapy: knee replacement",
    summary="Initial plan after a right total knee arthroplasty, 3 visits a week for 8 weeks.",
    discipline="Physical Therapy",
    subtitle="Initial Evaluation and Plan of Care",
    patient=Patient("PT-77", "Ada", "Byron", date(1950, 12, 10)),
    author=SAM_LEE,
    diagnoses=(
        Diagnosis("Z47.1", "Aftercare following joint replacement surgery", "Medical"),
        Diagnosis("Z96.651", "Presence of right artificial knee joint", "Medical"),
        Diagnosis("M25.661", "Stiffness of right knee, not elsewhere classified", "Treatment"),
        Diagnosis("R26.89", "Other abnormalities of gait and mobility", "Treatment"),
    ),
    referral=("Evaluate and treat following elective right total knee arthroplasty; weight bearing as tolerated."),
    history=(
        "{age}-year-old retired teacher seen two weeks after an uncomplicated right total knee "
        "arthroplasty for end-stage osteoarthritis. Discharged home on the second day with a front-wheeled "
        "walker and a home exercise sheet. Reports pain of 4/10 at rest and 7/10 with stairs, and sleeps "
        "in a recliner. Incision is closed, dry, without redness or drainage. Past history: hypertension, "
        "controlled; type 2 diabetes, HbA1c 6.8 %. No calf tenderness; Homans sign negative."
    ),
    prior_level=(
        "Independent in all mobility without a device; walked one mile daily; drove; kept a vegetable garden."
    ),
    precautions="Fall risk. Total knee precautions per surgeon: no kneeling, no twisting on the planted leg.",
    limitations=(
        ("Walking", "150 ft with front-wheeled walker, step-to pattern, standby assistance"),
        ("Stairs", "4 steps with rail and contact guard, one step at a time; home has 12 steps"),
        ("Transfers", "Sit to stand needs both arms; unable from a low toilet seat"),
        ("Self-care", "Needs help with right sock and shoe, and to step into the tub"),
    ),
    tables=(
        Table(
            "Range of motion and strength",
            ("Measure", "Right", "Left", "Goal (right)"),
            (
                ("Knee flexion, active / passive", "78° / 86°", "128° / 132°", "115° / 120°"),
                ("Knee extension, active / passive", "-12° / -8°", "0° / 0°", "0° / 0°"),
                ("Quadriceps strength (MMT)", "3-/5", "5/5", "4+/5"),
                ("Hamstring strength (MMT)", "3/5", "5/5", "4+/5"),
                ("Hip abduction strength (MMT)", "3+/5", "4+/5", "4+/5"),
                ("Girth at mid-patella", "44.5 cm", "39.0 cm", "within 1 cm"),
            ),
            (0.43, 0.19, 0.19, 0.19),
        ),
        Table(
            "Standardized tests",
            ("Test", "Today", "Meaning"),
            (
                ("Timed Up and Go", "24.6 s with walker", "Over 12 s: raised risk of falls"),
                ("Five Times Sit to Stand", "29.1 s, using arms", "Expected for age: 12.6 s"),
                ("Lower Extremity Functional Scale", "22 / 80", "Severe limitation"),
                ("Two-Minute Walk Test", "188 ft", "Expected for age: 450 ft or more"),
            ),
            (0.36, 0.26, 0.38),
        ),
    ),
    assessment=(
        "Findings are those expected two weeks after surgery, with flexion and quadriceps activation "
        "behind the usual course. Loss of motion, weakness and swelling limit walking, stairs and self- "
        "care, and put the patient at risk of falling in a two-story home. Skilled therapy is needed to "
        "progress loading safely, to mobilize the joint within surgical limits, and to retrain gait. "
        "Motivated, well supported at home."
    ),
    short_term=(
        Goal("Active right knee motion 5° to 100° to sit and rise from a standard chair without arms.", 4),
        Goal("Walk 500 ft with a cane, reciprocal pattern, without loss of balance, on level ground.", 4),
        Goal("Independent in home exercise program, shown by correct return demonstration.", 2),
    ),
    long_term=(
        Goal("Active right knee motion 0° to 115° to climb 12 steps reciprocally with one rail.", 8),
        Goal("Timed Up and Go of 12 s or less without a device, to walk safely in the community.", 8),
        Goal("Lower Extremity Functional Scale of 52 / 80 or better.", 8),
        Goal("Return to driving and to one mile of daily walking, once cleared by the surgeon.", 8),
    ),
    interventions=(
        Intervention("97110", "Therapeutic exercise", "strength and range of motion, progressive loading"),
        Intervention("97112", "Neuromuscular re-education", "quadriceps activation, balance and proprioception"),
        Intervention("97116", "Gait training", "walker to cane to no device; stairs"),
        Intervention("97140", "Manual therapy", "patellar and tibiofemoral mobilization, scar and edema"),
        Intervention("97530", "Therapeutic activities", "transfers, tub, floor and car"),
        Intervention("97535", "Self-care and home management training", "home program, fall prevention"),
    ),
    frequency="3 visits a week for 4 weeks, then 2 visits a week for 4 weeks",
    duration="8 weeks (20 visits)",
    potential="Good: first replacement, high prior level, good support and attendance",
    discharge="Independent home and community program when goals are met or progress levels off",
)

HAND = Plan(
    key="ot-hand",
    kind="plan_of_care",
    title="Plan of Care, initial evaluation",
    label="Occupational therapy: wrist and hand",
    summary="Initial plan after a distal radius fracture, 2 visits a week for 10 weeks.",
    discipline="Occupational Therapy",
    subtitle="Initial Evaluation and Plan of Care",
    patient=Patient("PT-81", "Walter", "Okafor", date(1953, 4, 2)),
    author=PRIYA_RAMAN,
    diagnoses=(
        Diagnosis(
            "S52.501D",
            "Unspecified fracture of the lower end of right radius, subsequent encounter, routine healing",
            "Medical",
        ),
        Diagnosis("M25.631", "Stiffness of right wrist, not elsewhere classified", "Treatment"),
        Diagnosis("M25.641", "Stiffness of right hand, not elsewhere classified", "Treatment"),
        Diagnosis("R60.0", "Localized edema", "Treatment"),
    ),
    referral=("Evaluate and treat right wrist and hand after cast removal; begin active motion, orthosis as needed."),
    history=(
        "Right-handed {age}-year-old who fell on an outstretched hand seven weeks ago; closed distal "
        "radius fracture reduced and held in a short arm cast for six weeks. Radiographs at cast removal "
        "showed healing in acceptable alignment. Main complaints are a stiff, swollen hand, pain of 5/10 "
        "with use and weak grip. No numbness at rest; occasional tingling in the thumb at night. Past "
        "history: atrial fibrillation on apixaban; osteopenia."
    ),
    prior_level="Independent in all self-care; cooked daily; woodworking three times a week; drove.",
    precautions="No resisted wrist work or lifting over 2 lb until cleared at week 9. Anticoagulated.",
    limitations=(
        ("Dressing", "Cannot manage buttons or belt with the right hand; 15 minutes longer than usual"),
        ("Kitchen", "Unable to open jars, lift a full pan or cut meat"),
        ("Hygiene", "Shaves and brushes teeth with the left hand"),
        ("Leisure and driving", "No woodworking; does not drive since the injury"),
    ),
    tables=(
        Table(
            "Active motion (degrees)",
            ("Joint", "Motion", "Right", "Left", "Goal"),
            (
                ("Wrist", "Extension / flexion", "22 / 18", "64 / 70", "55 / 55"),
                ("Wrist", "Radial / ulnar deviation", "6 / 10", "20 / 32", "15 / 25"),
                ("Forearm", "Supination / pronation", "35 / 58", "85 / 85", "75 / 80"),
                ("Index to small finger", "Total active motion", "178 to 190", "255 to 262", "240"),
                ("Thumb", "Kapandji opposition score", "5 / 10", "10 / 10", "9 / 10"),
            ),
            (0.22, 0.30, 0.16, 0.16, 0.16),
        ),
        Table(
            "Strength, swelling and function",
            ("Measure", "Right", "Left", "Goal (right)"),
            (
                ("Grip, dynamometer position 2", "deferred", "78 lb", "55 lb"),
                ("Key pinch", "6 lb", "19 lb", "14 lb"),
                ("Figure-of-eight girth", "47.2 cm", "44.0 cm", "44.5 cm"),
                ("Nine-Hole Peg Test", "41 s", "22 s", "26 s"),
                ("QuickDASH (disability, 0 is best)", "68.2", "", "20 or less"),
            ),
            (0.43, 0.19, 0.19, 0.19),
        ),
    ),
    assessment=(
        "Stiffness of wrist, forearm and fingers with edema after immobilization; finger motion is the "
        "first concern, since it predicts the outcome of the hand. Early signs of a complex regional pain "
        "syndrome are absent and will be watched for. A skilled hand therapist is needed to grade motion "
        "and load with bone healing, to make and adjust an orthosis, and to restore the use of the "
        "dominant hand."
    ),
    short_term=(
        Goal("Full composite fist to the distal palmar crease, to hold a toothbrush and a fork.", 3),
        Goal("Edema reduced to within 1.5 cm of the left by figure-of-eight measure.", 3),
        Goal("Buttons a shirt with both hands within 5 minutes.", 4),
    ),
    long_term=(
        Goal("Wrist extension and flexion of 55° each to push up from a chair.", 10),
        Goal("Grip of 55 lb to open jars and lift a full pan of 5 lb.", 10),
        Goal("QuickDASH of 20 or less; returns to woodworking with joint protection.", 10),
    ),
    interventions=(
        Intervention("97110", "Therapeutic exercise", "active and passive motion, later strengthening"),
        Intervention("97140", "Manual therapy", "joint mobilization, retrograde massage, scar"),
        Intervention("97530", "Therapeutic activities", "graded grasp, dexterity, kitchen and workshop tasks"),
        Intervention("97535", "Self-care training", "one-handed and adapted techniques, joint protection"),
        Intervention("97760", "Orthotic management and training", "wrist-hand orthosis, static progressive"),
        Intervention("97018", "Paraffin bath", "before stretching, when the skin allows"),
    ),
    frequency="2 visits a week",
    duration="10 weeks (20 visits)",
    potential="Good: stable fracture, motivated, wife assists with home program",
    discharge="Home program with putty and motion; independent in all self-care",
)

SPEECH = Plan(
    key="slp-stroke",
    kind="plan_of_care",
    title="Plan of Care, initial evaluation",
    label="Speech therapy: aphasia and dysphagia",
    summary="Initial plan after a stroke: language and swallowing, 3 visits a week for 6 weeks.",
    discipline="Speech-Language Pathology",
    subtitle="Initial Evaluation and Plan of Care",
    patient=Patient("PT-94", "Rosa", "Delgado", date(1947, 8, 23)),
    author=DANA_WHITFIELD,
    diagnoses=(
        Diagnosis("I69.320", "Aphasia following cerebral infarction", "Medical"),
        Diagnosis("I69.391", "Dysphagia following cerebral infarction", "Medical"),
        Diagnosis("R13.12", "Dysphagia, oropharyngeal phase", "Treatment"),
        Diagnosis("R47.1", "Dysarthria and anarthria", "Treatment"),
    ),
    referral=("Evaluate and treat speech, language and swallowing after left middle cerebral artery infarction."),
    history=(
        "{age}-year-old bilingual (Spanish, English) retired bookkeeper, five weeks after a left middle "
        "cerebral artery infarction; three weeks of inpatient rehabilitation. Videofluoroscopy before "
        "discharge: delayed pharyngeal swallow, penetration of thin liquids without aspiration, mild "
        "vallecular residue. Eats a soft and bite-sized diet (IDDSI 6) with mildly thick liquids (IDDSI "
        "2); has lost 9 lb since the stroke. Lungs clear, afebrile. Past history: hypertension, "
        "hyperlipidemia."
    ),
    prior_level="Independent; lived with her husband; ran the household accounts; choir twice a week.",
    precautions="Aspiration risk: upright 90°, small single sips, no straws. Right-sided inattention, mild.",
    limitations=(
        ("Expression", "Phrases of two to four words; word-finding failures in most sentences"),
        ("Understanding", "Follows two-step spoken directions with repetition"),
        ("Reading and writing", "Reads single words and short phrases; signs her name only"),
        ("Eating", "Meals take 50 minutes with supervision; coughs on thin liquids"),
    ),
    tables=(
        Table(
            "Language and speech",
            ("Measure", "Score", "Severity"),
            (
                ("Western Aphasia Battery (bedside), aphasia quotient", "58.4 / 100", "Moderate, Broca type"),
                ("Boston Naming Test, short form", "6 / 15", "Moderate to severe"),
                ("Auditory comprehension, yes/no questions", "51 / 60", "Mild"),
                ("Repetition of phrases", "38 / 100", "Moderate"),
                ("Speech intelligibility, sentences", "82 %", "Mild dysarthria"),
            ),
            (0.52, 0.20, 0.28),
        ),
        Table(
            "Swallowing",
            ("Measure", "Today", "Goal"),
            (
                ("Functional Oral Intake Scale", "5 / 7", "7 / 7"),
                ("Eating Assessment Tool (EAT-10)", "19 / 40", "3 or less"),
                ("Three-ounce water test", "not attempted", "passed"),
                ("Maximum tongue pressure, anterior", "24 kPa", "40 kPa"),
                ("Length of a meal", "50 min, supervised", "30 min, independent"),
            ),
            (0.52, 0.24, 0.24),
        ),
    ),
    assessment=(
        "Moderate non-fluent aphasia with relatively spared understanding, mild dysarthria and "
        "oropharyngeal dysphagia. She is stimulable: a first-sound cue brings the word in 7 of 10 "
        "failures, and a chin tuck clears the cough with thin liquid by teaspoon. Skilled therapy is "
        "needed to retrain language and the swallow, to advance the diet safely, and to teach the family "
        "how to support conversation."
    ),
    short_term=(
        Goal("Names everyday objects with 80 % accuracy with no more than one cue.", 3),
        Goal("Carries out effortful swallow and chin tuck in 90 % of trials without reminders.", 3),
        Goal("Husband uses supported conversation in 4 of 5 exchanges.", 2),
    ),
    long_term=(
        Goal("States needs and plans in sentences of six words, intelligible to strangers, 85 % of the time.", 6),
        Goal("Returns to a regular diet and thin liquids without signs of aspiration.", 6),
        Goal("Reads and understands a one-paragraph message and answers by a written phrase.", 6),
    ),
    interventions=(
        Intervention("92507", "Treatment of speech, language, voice", "naming, sentence building, intelligibility"),
        Intervention("92526", "Treatment of swallowing dysfunction", "exercise, strategy, diet advancement"),
        Intervention("96125", "Standardized cognitive testing", "if attention limits progress"),
        Intervention("97129", "Cognitive function intervention", "attention and right-sided scanning"),
    ),
    frequency="3 visits a week for 3 weeks, then 2 visits a week for 3 weeks",
    duration="6 weeks (15 visits)",
    potential="Good: early after onset, stimulable, strong family support",
    discharge="Community aphasia group, home program, reassessment in three months",
)

BALANCE = Plan(
    key="pt-recertification",
    kind="recertification",
    title="Recertification, balance and gait",
    label="Physical therapy: recertification",
    summary="Second certification period for balance and gait in Parkinson's disease, with progress so far.",
    discipline="Physical Therapy",
    subtitle="Progress Report and Recertification of the Plan of Care",
    patient=Patient("PT-58", "Harold", "Lindqvist", date(1945, 2, 17)),
    author=SAM_LEE,
    diagnoses=(
        Diagnosis("G20.A1", "Parkinson's disease without dyskinesia, without mention of fluctuations", "Medical"),
        Diagnosis("R26.81", "Unsteadiness on feet", "Treatment"),
        Diagnosis("M62.81", "Muscle weakness (generalized)", "Treatment"),
        Diagnosis("Z91.81", "History of falling", "Treatment"),
    ),
    referral=("Continue balance and gait training; patient has had no injurious fall since the last certification."),
    history=(
        "{age}-year-old with Parkinson's disease (Hoehn and Yahr stage 3), seen for 22 visits of the 24 "
        "planned. Two cancellations for illness. Falls have gone from five in the three months before "
        "therapy to one, without injury. Walks daily with a rollator and does the home program five days a "
        "week by his diary. Carbidopa-levodopa was raised by neurology six weeks ago; less freezing since."
    ),
    prior_level="Before the falls: independent with a cane in the community; bowled weekly; cared for a dog.",
    precautions="Fall risk. Orthostatic drop of 14 mmHg: check blood pressure before standing work.",
    limitations=(
        ("Turning", "Freezes in doorways and narrow turns, about once a day (was six times)"),
        ("Getting up", "From the floor with one person's help (was two)"),
        ("Outdoors", "Curbs and grass with standby assistance"),
        ("Dual tasks", "Stops walking to talk on busy sidewalks"),
    ),
    tables=(
        Table(
            "Progress against the first certification",
            ("Measure", "Start", "Now", "Goal"),
            (
                ("Berg Balance Scale", "34 / 56", "43 / 56", "48 / 56"),
                ("Mini-BESTest", "12 / 28", "18 / 28", "22 / 28"),
                ("Timed Up and Go", "21.8 s", "15.4 s", "12.0 s"),
                ("Timed Up and Go, cognitive", "31.5 s", "22.0 s", "15.0 s"),
                ("Gait speed, comfortable", "0.61 m/s", "0.82 m/s", "1.00 m/s"),
                ("Six-Minute Walk Test", "645 ft", "905 ft", "1,150 ft"),
                ("Activities-specific Balance Confidence", "41 %", "62 %", "75 %"),
            ),
            (0.43, 0.19, 0.19, 0.19),
        ),
        Table(
            "Goals of the first certification",
            ("Goal", "Result"),
            (
                ("Home exercise program, independent", "Met"),
                ("Berg Balance Scale of 42 or better", "Met"),
                ("Rises from the floor without help", "Partly met: one person assists"),
                ("Walks 1,000 ft outdoors with a cane", "Not met: 600 ft with rollator; continued"),
            ),
            (0.58, 0.42),
        ),
    ),
    assessment=(
        "Clear, measured progress in balance, speed and confidence, with gains still being made in the "
        "last four weeks. The risk of falling stays above the usual cut-off of 46 on the Berg scale, "
        "chiefly at turns and with a second task. Further skilled therapy is reasonable and necessary: "
        "cueing and perturbation training must be graded to fluctuating symptoms, which the patient and "
        "his wife cannot do on their own yet."
    ),
    short_term=(
        Goal("Turns 360° in both directions in 8 steps or fewer without freezing, 9 of 10 trials.", 4),
        Goal("Rises from the floor without help, using a chair.", 4),
    ),
    long_term=(
        Goal("Berg Balance Scale of 48 or better; no fall in any four-week period.", 10),
        Goal("Walks 1,000 ft outdoors with a cane over curbs and grass while talking.", 10),
        Goal("Moves to a community exercise class for people with Parkinson's disease.", 12),
    ),
    interventions=(
        Intervention("97112", "Neuromuscular re-education", "perturbation, turning, dual task, external cueing"),
        Intervention("97116", "Gait training", "amplitude and cadence, cane, outdoor surfaces"),
        Intervention("97110", "Therapeutic exercise", "power and trunk mobility"),
        Intervention("97530", "Therapeutic activities", "floor transfers, bed mobility, doorways"),
    ),
    frequency="2 visits a week for 6 weeks, then 1 visit a week for 6 weeks",
    duration="12 weeks (18 visits)",
    potential="Good for the goals stated; progress continues under adjusted medication",
    discharge="Community class and home program; a check by the therapist every six months",
    days_since_initial_visit=89,
)

PLANS = (KNEE, HAND, SPEECH, BALANCE)
