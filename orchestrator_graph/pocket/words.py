"""Lower-case words of three to eight letters: English ones, pronounceable ones and plain letter salad.

Salad is there on purpose: in a compound task a word arrives reversed or sorted, and a model that only ever saw
English would be asked about "nretnal" for the first time in front of a user.
"""

from random import Random

_ENGLISH = """
    ant arm art axe bag bat bed bee box bus cap car cat cow cup day dog ear egg elm fan fig fox fur gas gem hat hen ice
    ink jam jar key kit leg lid map mud net nut oak oar oil owl pan pen pie pin pot rag ram rat rib rug sea sky sun tap
    tea tin toe toy van web wig yak zoo able acid arch atom aunt baby back ball band bank barn bath bean bear bell belt
    bird blue boat bolt bone book boot bowl bulb bush cake calf camp card cart cave chin city clay club coal coat coin
    cook corn crab crow cube dawn deer desk dish door dove drum duck dust echo face farm fern film fish flag fork frog
    gate gift goat gold grid hail hand harp hawk heel herb hill hive hook horn iron jazz kiln kite lace lake lamb lamp
    leaf lime lion loaf lock loom mask milk mint moon moss nail nest node oven palm park peak pear pine plum pond port
    quiz rain reef rice ring road rope rose salt sand seed ship silk snow soap song star stem swan tent tide tree tuna
    vase vine wave whip wolf wood wool yarn zinc acorn actor agent alarm alley amber angle apple apron arena armor aspen
    bacon badge baker basil beach berry bison blade bloom board brain brass bread brick brook broom brush cabin cable
    camel canal candy cedar chain chalk charm chess chief cider clock cloud coral crane crown dairy daisy dance delta
    diner drift eagle earth ember fable fairy feast fence ferry field flame flute forge frost fruit ghost giant glass
    globe glove grain grape guard heron honey horse hotel house ivory jelly jewel koala label ladle lemon lilac linen
    maple marsh medal melon metal month mouse music night north ocean olive onion opera orbit otter panda paper peach
    pearl piano pilot plant plate prism queen quilt radar raven river robin rodeo salad scale shark sheep shore skate
    slate snail spice spoon squid stone storm sugar table tiger toast torch tower train trout tulip uncle urban valve
    vapor viola wagon water whale wheat wheel yacht zebra anchor basket beacon beaver blanket bottle branch bridge
    bronze bucket button cactus camera candle canyon carbon carpet carrot castle cement cheese cherry circle cobalt
    coffee copper cotton cousin cradle dragon engine falcon feather filter finger flower forest garden garlic ginger
    goblet guitar hammer harbor helmet island jacket jungle kettle kitten ladder lantern lizard magnet marble meadow
    mirror mitten monkey napkin needle orange oyster paddle parrot pebble pencil pepper pillow planet pocket potato
    puzzle rabbit ribbon rocket saddle salmon school shadow silver spider spring square statue string summer sunset
    temple ticket tunnel turtle valley velvet violin walnut window winter yogurt zigzag balloon bicycle cabbage caravan
    cathode chimney compass crystal dolphin emerald factory giraffe glacier granite hamster harvest horizon journey
    kingdom lettuce library lobster machine morning octopus orchard ostrich panther peacock pelican penguin pumpkin
    pyramid rainbow sailing seaside sparrow stadium sunrise teacher thunder tractor trumpet unicorn village volcano
    whisper airplane antelope backpack birthday bluebird broccoli building calendar campfire champion cinnamon computer
    daughter dinosaur doorbell elephant festival firework flamingo fountain goldfish hedgehog hospital icicle keyboard
    kangaroo lavender magazine mandarin marigold medicine midnight mosquito mountain mushroom notebook painting pavilion
    platypus quantity reindeer sapphire sandwich seashell squirrel starfish sunlight surprise teaspoon telegram tortoise
    treasure triangle umbrella vacation
"""
ENGLISH = tuple(_ENGLISH.split())
BY_LENGTH = {n: tuple(w for w in ENGLISH if len(w) == n) for n in range(3, 9)}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
COMMON_LETTERS = LETTERS + "aeiourstnl" * 2
LENGTHS = {1: (3, 4), 2: (5, 6), 3: (7, 8)}


def pronounceable(rng: Random, length: int) -> str:
    """A word-like string that alternates consonants and vowels.

    >>> len(pronounceable(Random(1), 7))
    7
    """
    first = rng.random() < 0.7
    sounds = ("bcdfghjklmnprstvwz", "aeiou")
    return "".join(rng.choice(sounds[(i + first + 1) % 2]) for i in range(length))


def draw_word(rng: Random, difficulty: int) -> str:
    """A word whose length follows the difficulty: 3-4, 5-6 or 7-8 letters."""
    length = rng.choice(LENGTHS[difficulty])
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(BY_LENGTH[length])
    if kind < 0.7:
        return pronounceable(rng, length)
    return "".join(rng.choices(COMMON_LETTERS, k=length))
