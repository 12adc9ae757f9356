/// Which passwords a person may choose: long enough, and not among the first that somebody would try. What it is made of is free.
package enum PasswordRule {
    /// Why a password is refused.
    package enum Fault: Hashable, Sendable {
        /// Not 8–128 characters, or more than 1024 bytes in UTF-8.
        case length
        /// A well-known password, a row of keys, a sequence, or one block over and over; digits put around change nothing.
        case common
        /// The login, or its part before the `@`, with at most digits and punctuation around.
        case likeLogin
    }

    /// As many bytes of UTF-8 as a password may have; a character can hold any number of combining marks.
    package static let bytesMax = 1024

    /// Says what is wrong with a password for whoever signs in with `login`; `nil` if nothing is.
    package static func fault(of password: String, login: String?) -> Fault? {
        guard password.utf8.count <= bytesMax, Limits.passwordCharacters.contains(password.count) else { return .length }
        let characters = Array(password.lowercased())
        let block = repeatedBlock(of: characters)
        if block.count <= shortBlockMax || isCommon(characters) || isCommon(block) { return .common }
        if let login, isLike(login, characters) || isLike(login, block) { return .likeLogin }
        return nil
    }

    private static let shortBlockMax = 6

    /// What the characters repeat from start to end, the last time perhaps cut short; all of them if they repeat nothing.
    private static func repeatedBlock(of characters: [Character]) -> [Character] {
        let periods = stride(from: 1, through: characters.count / 2, by: 1)
        let period = periods.first { zip(characters, characters.dropFirst($0)).allSatisfy(==) }
        return Array(characters.prefix(period ?? characters.count))
    }

    private static func isCommon(_ characters: [Character]) -> Bool {
        if KeyRows.pieces(in: characters) <= max(3, characters.count / 3) || CommonPasswords.contain(characters) { return true }
        guard let first = characters.firstIndex(where: \.isLetter), let last = characters.lastIndex(where: \.isLetter) else {
            return false
        }
        // What is put behind is taken off bit by bit: `hello` shows in `hell0123` only if the zero stays.
        let hasWord = (last..<characters.count).contains { end in
            CommonPasswords.contain(characters[...end]) || CommonPasswords.contain(characters[first...end])
        }
        return hasWord
            || [characters[...last], characters[first...last]].contains { core in
                core.count >= 6 && KeyRows.pieces(in: core) <= core.count / 3
            }
    }

    private static func isLike(_ login: String, _ characters: [Character]) -> Bool {
        // A longer one is no part of a password.
        guard login.utf8.count <= bytesMax else { return false }
        let login = login.lowercased()
        let name = login.prefix { $0 != "@" }
        if characters.elementsEqual(login) || characters.elementsEqual(name) { return true }
        let password = word(in: characters)
        return !password.isEmpty && [word(in: login), word(in: name)].contains(password)
    }

    /// Letters and the digits between them: `anna.berg92!` gives `annaberg`.
    private static func word(in text: some Sequence<Character>) -> [Character] {
        let kept = text.filter { $0.isLetter || $0.isNumber }
        guard let first = kept.firstIndex(where: \.isLetter), let last = kept.lastIndex(where: \.isLetter) else { return [] }
        return Array(kept[first...last])
    }
}

/// Neighbours in the alphabet, among the digits, and on keyboards (US, French, German), in either direction.
private enum KeyRows {
    /// How many pieces make up the text: a run of three or more neighbours is one, so are three or more alike, and every
    /// character outside of runs.
    static func pieces(in text: some Collection<Character>) -> Int {
        var pieces = 0
        var covered = 0
        var lastRun: Int?
        for (index, three) in threes(in: text).enumerated() where runs.contains(three) || three.allSatisfy({ $0 == three.first })
        {
            if lastRun != index - 1 { pieces += 1 }
            covered += min(3, index - (lastRun ?? -3))
            lastRun = index
        }
        return pieces + text.count - covered
    }

    private static let rows = """
        abcdefghijklmnopqrstuvwxyzabc 012345678901 02468024 13579135 147258369 741852963 159357
        !@#$%^&*()_+ !"§$%&/()=? qwertyuiop[] asdfghjkl;' zxcvbnm,./ azertyuiop qsdfghjklm wxcvbn,;: qwertzuiopü asdfghjklöä
        yxcvbnm,.- 1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik, 9ol. !qaz @wsx #edc $rfv 1yaq 1aqw
        1q2w3e4r5t6y7u8i9o0p q1w2e3r4t5y6u7i8o9p0 1a2b3c4d5e6f a1b2c3d4e5f6 1a2s3d4f5g a1s2d3f4g5
        """

    private static let runs: Set<[Character]> = {
        let forwards = rows.split(whereSeparator: \.isWhitespace).map { Array($0) }
        return Set((forwards + forwards.map { $0.reversed() }).flatMap { threes(in: $0) })
    }()

    private static func threes(in text: some Collection<Character>) -> [[Character]] {
        zip(text, zip(text.dropFirst(), text.dropFirst(2))).map { [$0, $1.0, $1.1] }
    }
}

/// The words that lists of stolen passwords are full of; none under four characters, which random passwords hold by chance.
private enum CommonPasswords {
    /// Says whether the text is one of the words, whichever digits and signs stand for letters in it.
    static func contain(_ text: some Collection<Character>) -> Bool {
        text.count <= charactersMax && skeletons.contains(skeleton(of: text))
    }

    private static let charactersMax = 40

    private static let skeletons = Set(words.split(whereSeparator: \.isWhitespace).map { skeleton(of: $0) })

    /// The text with look-alikes made one letter, in the words and in what is compared with them.
    private static func skeleton(of text: some Sequence<Character>) -> String {
        text.reduce(into: "") { skeleton, character in
            switch character {
            case "0": skeleton.append("o")
            case "1", "l", "!", "|": skeleton.append("i")
            case "3", "€": skeleton.append("e")
            case "4", "@": skeleton.append("a")
            case "5", "$": skeleton.append("s")
            case "7", "+": skeleton.append("t")
            case " ", "-", "_", ".": break
            default: skeleton.append(character)
            }
        }
    }

    private static let words = """
        password passwort passwd passwrd passw passwords mypassword yourpassword thepassword newpassword oldpassword nopassword
        goodpassword badpassword firstpassword secondpassword defaultpassword userpassword adminpassword rootpassword
        testpassword temppassword temporary changeme changeit changethis changepassword changemenow pleasechange resetme
        motdepasse contrasena contraseña contrasenha senha parola parool wachtwoord haslo hasło kennwort geheim geheimnis secret
        secrets topsecret mysecret secretpassword passphrase passcode passkey pass pincode default defaults admin admins
        administrator administrador administrateur sysadmin superadmin webadmin webmaster hostmaster postmaster root toor
        superuser supervisor manager operator service system sysop support helpdesk master masterkey guest guests user username
        users newuser testuser demo demouser test tester testing testpass example sample qatest staging production development
        developer letmein letmeinnow openup opensesame sesame welcome welcomeback welcomehome welkom bienvenue bienvenido
        willkommen benvenuto hello hellothere helloworld helloo hallo hola bonjour ciao login logmein signin signup access
        accessgranted enter entrance entry unlock internet intranet network computer laptop desktop keyboard monitor server
        router switch firewall linux ubuntu debian windows windowsxp microsoft apple macintosh google googlechrome facebook
        twitter linkedin myspace instagram youtube netflix amazon android iphone samsung nokia motorola sony playstation xbox
        nintendo pokemon pikachu minecraft roblox fortnite counterstrike callofduty warcraft starcraft zelda mario supermario
        sonic tetris database oracle mysql postgres postgresql mongodb redis docker kubernetes jenkins github gitlab webhook
        webhooks inlet apikey token tokens cisco huawei dell toshiba alpine raspberry vagrant ansible puppet tomcat apache nginx
        wordpress joomla drupal magento grafana zabbix nagios splunk elastic kibana iloveyou iloveu iluvu iluvyou iloveme
        iloveyoubaby iloveyousomuch ihateyou imissyou iamgod iloveit love lover lovers loveme loveyou lovely loveable mylove
        truelove babylove loverboy lovergirl amor amore tequiero teamo tiamo jetaime ichliebedich liebe schatz mausi hasi
        jetadore monamour cherie chocolat princess princessa princesse prinzessin prince queen king kingkong angel angels angelo
        angelina angelica sweetie sweety sweetheart sweetpea honey honeybee honeybunny sugar cutie cutiepie baby babyboy
        babygirl babydoll darling dearest beautiful gorgeous pretty handsome sexy sexygirl sexylady hottie barbie bestfriend
        bestfriends friends friend forever foreverlove friendship together family mother father mommy daddy daddysgirl brother
        sister grandma monkey monkeys monkeyboy dragon dragons dragonball dragonfly tiger tigers tigger tigre lion lions
        lionking panther pantera jaguar leopard puma cougar wildcat wildcats bobcat kitten kitty kittycat hellokitty doggy
        doggie puppy puppies bulldog bulldogs beagle poodle husky wolf wolves wolfpack falcon falcons eagle eagles phoenix raven
        ravens penguin dolphin dolphins shark sharks turtle spider spiderman scorpion scorpio cobra viper snake rabbit bunny
        horse horses pony mustang bronco broncos butterfly ladybug grasshopper elephant panda giraffe buffalo chicken rooster
        duck donkey superman batman ironman wolverine deadpool hulk thor loki avengers joker catwoman wonderwoman superstar
        superhero starwars skywalker lukeskywalker darthvader yoda jedi maytheforce startrek enterprise spock picard matrix
        trinity gandalf frodo bilbo hobbit legolas aragorn lordoftherings mordor sauron harrypotter hogwarts gryffindor
        slytherin dumbledore hermione voldemort muggle terminator rambo rocky gladiator godfather jamesbond bond007 goldeneye
        scarface naruto sasuke sakura goku vegeta bleach onepiece luffy totoro simpsons homer bartman southpark cartman snoopy
        garfield scooby scoobydoo mickey mickeymouse minnie donald donaldduck goofy tinkerbell cinderella rapunzel ariel pooh
        winnie winniethepooh eeyore piglet elmo cookiemonster kermit muppet barney spongebob patrick shrek football footballer
        futbol soccer baseball basketball hockey icehockey volleyball handball tennis golf golfer golfing cricket rugby boxing
        wrestling karate swimming running surfing surfer skater skateboard snowboard snowboarding fishing hunting hunter
        climbing racing nascar ferrari porsche mercedes lamborghini maserati bugatti corvette camaro chevrolet chevy ford toyota
        honda nissan suzuki yamaha kawasaki ducati harley harleydavidson volkswagen audi subaru mazda peugeot renault lexus
        arsenal chelsea liverpool liverpoolfc manchester manchesterunited manunited mancity everton tottenham westham newcastle
        celtic rangers barcelona realmadrid madrid juventus milan acmilan inter bayern bayernmunich bayernmuenchen dortmund
        borussia schalke benfica sporting porto ajax feyenoord galatasaray fenerbahce besiktas marseille olympique corinthians
        palmeiras flamengo boca river riverplate steelers cowboys dallascowboys patriots packers raiders yankees redsox lakers
        celtics bulls chicagobulls warriors dodgers giants jordan michaeljordan kobe lebron ronaldo cristiano ronaldinho messi
        lionelmessi beckham maradona pele zidane neymar mbappe sunshine sunflower sunset sunny summer summertime winter
        wintertime spring springtime autumn january february march april june july august september october november december
        monday tuesday wednesday thursday friday saturday sunday sommer fruehling herbst januar februar oktober dezember montag
        freitag samstag sonntag lundi vendredi printemps flower flowers flowerpower rainbow rainbows moonlight starlight stars
        star shadow shadows darkness darkside lightning thunder storm stormy snow snowball snowflake snowman rain raindrop ocean
        beach island paradise heaven hell blessed blessing jesus jesuschrist jesusislord jesuslovesme christ christian godisgood
        godislove godbless lordgod faith faithful hope grace gracie glory hallelujah amen bible church savior allah allahuakbar
        bismillah mohammed muhammad krishna ganesh shiva saibaba buddha namaste destiny miracle wisdom freedom liberty peace
        peacelove happy happiness happyday happybirthday birthday christmas merrychristmas santaclaus halloween easter newyear
        michael michelle jennifer jessica ashley amanda nicole daniel danielle andrew andrea anthony joshua matthew jonathan
        christopher robert thomas charlie charles william george david james john johnny johnson joseph justin jason brandon
        jackson samantha stephanie steven stephen elizabeth victoria veronica vanessa valentina isabella gabriel gabriela
        alexander alexandra alejandro alejandra sebastian nicolas nicholas natalie natasha tatiana anastasia svetlana ekaterina
        vladimir sergey dmitri maria mariana marina martin martina marvin melissa monica rebecca rachel roberto ricardo rodrigo
        fernando francisco francesca giovanni giuseppe alessandro alessandra lorenzo leonardo antonio pierre philippe camille
        caroline catherine charlotte chloe claire emilie julie juliette sophie manon mathilde nathalie laurent guillaume florian
        sabrina sandra sarah stefan stefanie susanne thorsten tobias wolfgang andreas bailey maggie buddy buster lucky molly
        sadie bella maxwell ginger pepper peanut peaches cookie cookies oreo chocolate vanilla caramel candy candyman cupcake
        cheesecake cheese cheeseburger pizza spaghetti hamburger banana bananas orange oranges apples strawberry blueberry
        cherry cherries mango pineapple watermelon coconut tomato potato pumpkin broccoli avocado butter bacon coffee espresso
        tequila whiskey vodka beer heineken budweiser corona jackdaniels cocacola pepsi redbull mountaindew marlboro cannabis
        marijuana purple yellow green blue bluesky black white silver silverado golden gold diamond diamonds crystal emerald
        ruby sapphire amber scarlet crimson violet indigo turquoise lavender magenta blackberry blackcat blackjack blackbird
        redrose bluemoon greenday purplerain goldfish silverfish whiteboy blackwhite trustno1 trustnoone trustme whatever
        whatsup whocares nothing something anything everything everyone nobody someone somebody blahblahblah foobar foobarbaz
        qazwsx qazwsxedc qwerasdf qweasd qweasdzxc zxcasdqwe abc123 abc12345 abcd1234 aaa111 a1b2c3 a1b2c3d4 asdf1234 qwer1234
        zxcv1234 1234qwer 1234asdf 123qwe 123abc 123qweasd 123qweasdzxc zaq12wsx zaqwsx zaqxsw zaq1xsw2 1qazxsw2 q1w2e3 q1w2e3r4
        1q2w3e 1q2w3e4r xswzaq azeqsd azsxdc qsdfgh 11223344 1122334455 12344321 123454321 1234554321 123321123 102030 10203040
        1020304050 112233 223344 131313 147258 147852 159753 123654 123654789 741852 789456 789456123 987456 147896325 192837465
        202020 246810 2468101214 314159 31415926 314159265 27182818 696969 42042069 01012000 01011990 01011980 12312312 99887766
        55667788 44332211 leet eleet hacker hackers hacked hackme hacktheplanet cracker neverhack nopass nologin killer killers
        killme killbill ninja ninjas samurai pirate pirates assassin sniper warrior soldier marine marines army navy airforce
        military police fireman sheriff captain general major commander colonel sergeant president gangster gangsta thuglife
        bigboss boss bossman bigdaddy bigdog bigboy bigman playboy player players playgirl stupid idiot asshole bastard bitch
        bitches fuckyou fuckoff fuckme fucker fuckit fuck motherfucker bullshit shithead shit pussy penis bigdick cocksucker
        dickhead porn pornstar naughty horny viagra music musica rockstar rocknroll rockandroll rockon metal heavymetal
        metallica ironmaiden slipknot nirvana acdc blackmetal ledzeppelin pinkfloyd beatles thebeatles rollingstones eminem
        tupac snoopdogg slimshady beyonce rihanna shakira madonna britney backstreet justinbieber onedirection taylorswift
        michaeljackson elvis elvispresley bobmarley guitar guitarist piano drummer trumpet violin saxophone dancer dancing
        ballet singer hiphop reggae technology techno london england britain ireland scotland paris france germany deutschland
        berlin hamburg muenchen austria italia roma napoli espana mexico brasil brazil argentina colombia chile peru canada
        toronto montreal america american usa1776 texas california losangeles sanfrancisco newyork newyorkcity brooklyn chicago
        boston dallas houston miami florida denver seattle lasvegas vegas hawaii australia sydney melbourne newzealand india
        mumbai pakistan china beijing japan tokyo korea russia moscow ukraine poland polska turkey istanbul egypt africa nigeria
        jamaica student students teacher school highschool college university harvard stanford library science biology chemistry
        physics mathematics history geography english francais deutsch spanish espanol italiano homework money moneyman
        cashmoney dollar dollars million millionaire billionaire rich richie bank banking bitcoin ethereum crypto dogecoin
        tothemoon business company companyname office work workhard marketing sales finance accounting correcthorsebatterystaple
        correcthorse batterystaple maverick goose iceman topgun thunderbird firebird blackhawk nighthawk jetfighter spitfire
        fireball firefly wildfire hotrod speedy turbo nitro formula1 magic magical wizard witch merlin unicorn mermaid fairy
        vampire vampires dracula werewolf zombie zombies ghost phantom demon devil lucifer satan diablo godzilla predator alien
        aliens winner winners champion champions victory success legend legends legendary hero heroes genius einstein newton
        crazy crazyboy crazygirl loser losers luckydog gamer gamers gaming games game gameover playgame goodluck goodbye
        goodnight goodmorning goodboy goodgirl godofwar imthebest thebest numberone number1 thegreat thebeast beast beastmode
        trouble chaos havoc remember dontforget forgetit iforgot iforgotit mustchange firstlogin firsttime temp1234
        """
}
