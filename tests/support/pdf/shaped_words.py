"""Words in many scripts, to test that a PDF shows letters in the form that depends on their neighbors (shaping).

The words are not names of people."""

SHAPED = {
    "Devanagari": "क्षत्रिय हिन्दी",
    "Bengali": "বাংলা কৌশিক",
    "Gurmukhi": "ਸਿੰਘ ਗੁਰਮੁਖੀ",
    "Gujarati": "ક્ષિતિજ ગુજરાતી",
    "Oriya": "ଓଡ଼ିଆ କ୍ଷ",
    "Tamil": "தமிழ் கொண்டு",
    "Telugu": "తెలుగు కృష్ణ",
    "Kannada": "ಕನ್ನಡ ಕ್ಷಮಾ",
    "Malayalam": "മലയാളം കൊച്ചി",
    "Sinhala": "සිංහල ශ්\u200dරී",
    "Thai": "ที่ปู่ ก้ำ",
    "Lao": "ພາສາລາວ ນ້ຳ",
    "Khmer": "ភាសាខ្មែរ ស្រី",
    "Myanmar": "မြန်မာ ကြောင်",
    "Ethiopic": "አማርኛ",
    "Tibetan": "བོད་སྐད་ བསྒྲུབས",
    "Cherokee": "ᏣᎳᎩ",
    "OlChiki": "ᱚᱞ ᱪᱤᱠᱤ",
    "MeeteiMayek": "ꯃꯩꯇꯩ",
    "Chakma": "𑄌𑄋𑄴𑄟𑄳𑄦",
}
"""Words of left-to-right scripts, by script."""

FROM_RIGHT = {
    "Arabic": "محمد سلام",
    "Persian": "کیان\u200cپور",
    "Urdu": "ڑکھڑا",
    "Hebrew": "אבג דהו",
    "Syriac": "ܣܘܪܝܝܐ",
    "Thaana": "ދިވެހި",
    "NKo": "ߒߞߏ",
    "Adlam": "𞤀𞤣𞤤𞤢𞤥",
}
