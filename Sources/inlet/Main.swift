import ArgumentParser
import Configuration
import GRDB
import Hummingbird
import AsyncHTTPClient
import NIOHTTP1
@main struct M { static func main() { print("x") } }
